using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>
/// A guest of our own attacks its worker from inside a partition, with storage attached: whatever it does costs it a channel or is answered with
/// the documented status, and the worker goes on with what it had.
/// </summary>
[Collection(TestbedCollection.Name)]
public sealed class HostileGuestTests(GuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    [Theory]
    [InlineData("messages")]
    [InlineData("channels")]
    [InlineData("gpadls")]
    [InlineData("rings")]
    [InlineData("packets")]
    [InlineData("requests")]
    [InlineData("floods")]
    [InlineData("pages")]
    [InlineData("races")]
    [InlineData("endings")]
    [InlineData("services")]
    public async Task Worker_survives(string attack)
    {
        CommandResult result = await host.RunGuestAsync($"tests/testbed/hostile-run {attack}", Limit);
        Assert.Contains("failed 0x0\n", result.EnsureSuccess().Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hypercalls")]
    [InlineData("controller")]
    public async Task Worker_survives_and_keeps_the_rules_that_only_a_processor_sees(string attack)
    {
        CommandResult result = await host.RunGuestAsync($"tests/testbed/hostile-run {attack} \"$VMBUS_SHARE/{attack}.json\"", Limit);
        Assert.Contains("failed 0x0\n", result.EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.Equal(KeptReport.Kept($"hostile-{attack}.json"), KeptReport.Verdicts(KeptReport.Keep(Path.Combine(host.Share, $"{attack}.json"), $"hostile-{attack}.json")));
    }

    [Fact]
    public async Task Attack_that_does_not_exist_is_a_failure_and_not_a_pass()
    {
        CommandResult result = await host.RunGuestAsync("tests/testbed/hostile-run nothing", Limit);
        Assert.Equal(1, result.ExitStatus);
        Assert.Contains("no attack is chosen", result.Output, StringComparison.Ordinal);
    }
}
