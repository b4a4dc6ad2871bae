using VmBus.Cli.Text;
using VmBus.Management.Values;
using Xunit;

namespace VmBus.Cli.Tests;

public sealed class TopAllTextTests
{
    [Fact]
    public void Busiest_partition_comes_first_and_those_without_a_worker_last()
    {
        string[] lines = TopAllText.Totals([Look("idle", 10, 0), Off("away"), Look("busy", 10, 5000)]).Split('\n');
        Assert.Equal("2 of 3 partitions run  (since the channels were opened)", lines[0]);
        Assert.StartsWith("PARTITION", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("busy ", lines[2], StringComparison.Ordinal);
        Assert.StartsWith("idle ", lines[3], StringComparison.Ordinal);
        Assert.StartsWith("away ", lines[4], StringComparison.Ordinal);
        Assert.EndsWith(" -", lines[4].TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Rates_are_by_the_workers_own_clock_and_begin_at_zero_with_a_worker_that_is_new()
    {
        IReadOnlyList<PartitionLook> before = [Look("web", 1000, 100)], now = [Look("web", 3000, 4100)];
        // 4000 packets each way in 2 s.
        Assert.Matches(@"web .*  1 +4000 +2000 ", TopAllText.Rates(before, now).Split('\n')[2]);
        IReadOnlyList<PartitionLook> restarted = [now[0] with { Status = now[0].Status with { Process = 99 } }];
        Assert.EndsWith(" -", TopAllText.Rates(before, restarted).Split('\n')[2].TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Latency_is_the_mean_of_what_has_ended_between_two_looks_on_channels_and_virtio_disks()
    {
        // The channel has done 100 commands more in 75 us each; the virtio disk 100 in 225 us.
        PartitionLook before = With(Look("web", 1000, 100, 50), new VirtioDiskReport("data", 1, 100, 0, 0, 0));
        PartitionLook now = With(Look("web", 2000, 200, 62), new VirtioDiskReport("data", 101, 22_600, 0, 0, 0));
        now = now with { Report = now.Report! with { Channels = [now.Report.Channels[0] with { TimedUs = 5000 + 7500 }] } };
        Assert.Matches(@"web .* 200 +150us ", TopAllText.Rates([before], [now]).Split('\n')[2]);
        string[] lines = TopText.Rates(before.Report!, now.Report!).Split('\n');
        Assert.Contains(" 75.0us ", lines[2], StringComparison.Ordinal);
        Assert.Contains(" 225us ", lines[4], StringComparison.Ordinal);
        Assert.DoesNotMatch("[0-9](us|ms|s) ", TopText.Rates(now.Report!, now.Report!));
    }

    [Fact]
    public void Fullness_is_that_of_the_fullest_ring_now()
    {
        PartitionLook look = Look("web", 1000, 1);
        ChannelReport one = look.Report!.Channels[0];
        look = look with
        {
            Report = look.Report with
            {
                Channels = [one with { RingIn = 100, RingInSize = 1000, RingOut = 0, RingOutSize = 1000 }, one with { Id = 2, RingIn = 20, RingInSize = 40, RingOut = 1, RingOutSize = 8 }, one with { Id = 3 }],
            },
        };
        Assert.EndsWith(" 50.0%     12.5%", TopAllText.Rates([look], [look]).Split('\n')[2], StringComparison.Ordinal);
        Assert.EndsWith(" 50.0%    12.5%", TopText.Totals(look.Report!).Split('\n')[3], StringComparison.Ordinal);
    }

    private static PartitionLook With(PartitionLook look, VirtioDiskReport disk) => look with { Report = look.Report! with { VirtioDisks = [disk] } };

    private static PartitionLook Off(string name) => new(Status(name, "off", null), null);

    private static PartitionLook Look(string name, long clockMs, long work, long latencyUs = 50)
    {
        var channel = new ChannelReport(1, "t", "i", "scsi", 0, "open", 0, "lane 0", work, work, work, work, work, work, work, null, null, null, null, work, work * latencyUs);
        return new PartitionLook(Status(name, "running", 7), new PartitionReport(name, "running", 1500, "5.3", clockMs, [channel], null));
    }

    private static PartitionStatus Status(string name, string state, int? process) => new(name, state, process, null, null, 1, "1G", "never", false, false, null, null, null, null);
}
