using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary><c>vmbus-guest conformance</c> in unmodified Debian guests of this host: no rule is broken, and those that can be seen from there are.</summary>
[Collection(TestbedCollection.Name)]
public sealed class InsideConformanceTests(GuestFixture host)
{
    // Debian boots slowly where processors are emulated.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(9);

    private static readonly string[] Seen =
        ["CH-1", "CH-14", "CH-21", "CH-22", "CH-28", "CH-31", "CH-36", "CH-37", "DM-2", "IC-2", "RG-1", "RG-2", "RG-3", "RG-4", "RG-5", "RG-6", "RG-7", "RG-8", "RG-9", "RG-12", "RG-20", "SY-5", "SY-15"];

    [FullTheory]
    [InlineData("6.12", 2, "CH-39")]
    [InlineData("6.1", 1, "SY-16")]
    public async Task Host_keeps_every_rule_that_is_seen_from_inside_a_guest(string kernel, int processors, string more)
    {
        CommandResult result = await host.RunGuestAsync($"tests/testbed/conformance-inside --kernel {kernel} --cpus {processors}", Limit);

        string[] lines = result.EnsureSuccess().Output.Split('\n');
        KeptReport.Keep(lines, $"inside-{kernel}.txt");
        Assert.DoesNotContain(lines, static line => line.StartsWith("FAIL", StringComparison.Ordinal));
        Assert.Equal(Seen.Append(more).Order(StringComparer.Ordinal), Rules(lines, "pass").Order(StringComparer.Ordinal));
    }

    [FullFact]
    public async Task Host_takes_a_device_away_whose_ring_is_broken_from_inside_a_guest_and_leaves_the_others()
    {
        CommandResult result = await host.RunGuestAsync("tests/testbed/conformance-inside --option --vmbus-version=5.2 -- --break --rule RG-16 RG-17 CH-41 CH-42", Limit);

        string[] lines = result.EnsureSuccess().Output.Split('\n');
        Assert.Equal(["CH-41", "CH-42", "RG-16"], Rules(lines, "pass"));
        Assert.Equal(["RG-17"], Rules(lines, "not covered"));
    }

    private static IEnumerable<string> Rules(string[] lines, string verdict)
        => lines.Where(line => line.StartsWith(verdict + "  ", StringComparison.Ordinal)).Select(line => line[verdict.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0]);
}
