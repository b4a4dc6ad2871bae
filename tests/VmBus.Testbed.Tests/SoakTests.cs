using System.Globalization;
using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Partitions under load while faults are injected: <c>tests/testbed/soak</c>, for a short time.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class SoakTests(LinkedGuestFixture host)
{
    // Guests that start again and again, each in its own time.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20);

    [FullFact]
    public async Task Two_partitions_lose_nothing_while_faults_are_injected()
    {
        CommandResult result = await host.RunGuestAsync("tests/testbed/soak --inside --partitions 2 --seconds 60 --seed 1", Limit);
        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal("lost: nothing", lines[^1]);
        // Each partition begins with one at least.
        Assert.InRange(Counts(lines, "tried in ", "load of ").Sum(), 2, int.MaxValue);
        Assert.DoesNotContain(0, Counts(lines, "load of ", "lost: "));
    }

    [FullFact]
    public async Task Bytes_that_change_in_an_image_are_a_loss_that_is_told_and_the_exit_status_1()
    {
        CommandResult result = await host.RunGuestAsync("tests/testbed/soak --inside --partitions 1 --guests minimal --seconds 1 --faults rot", Limit);
        Assert.Equal(1, result.ExitStatus);
        string losses = result.Output[result.Output.IndexOf("\nlost:\n", StringComparison.Ordinal)..];
        Assert.Contains("data: the guest finds ", losses, StringComparison.Ordinal);
        Assert.Contains("data: the image holds other blocks than were told", losses, StringComparison.Ordinal);
    }

    // The numbers that the lines between two headings begin with.
    private static IEnumerable<int> Counts(string[] lines, string heading, string next) => lines
        .SkipWhile(line => !line.StartsWith(heading, StringComparison.Ordinal)).Skip(1)
        .TakeWhile(line => !line.StartsWith(next, StringComparison.Ordinal))
        .Select(static line => int.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture));
}
