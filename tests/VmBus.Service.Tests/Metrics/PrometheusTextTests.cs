using System.Text.RegularExpressions;
using VmBus.Management.Values;
using VmBus.Service.Metrics;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Service.Tests.Metrics;

/// <summary>What Prometheus is given, as its format and its naming rules want it.</summary>
public sealed partial class PrometheusTextTests
{
    [Fact]
    public void Names_units_and_kinds_follow_the_conventions()
    {
        Assert.Equal(MetricCatalog.All.Count, MetricCatalog.All.Select(static family => family.PrometheusName).Distinct().Count());
        Assert.All(MetricCatalog.All, static family =>
        {
            Assert.Matches("^(vmbus|process)_[a-z_]+[a-z]$", family.PrometheusName);
            Assert.Equal(family.IsCounter, family.PrometheusName.EndsWith("_total", StringComparison.Ordinal));
            Assert.Contains(family.Unit, new[] { "", "seconds", "bytes" });
            Assert.Matches(@"^[A-Z1][^\n\\]+\.$", family.Help);
        });
    }

    [Fact]
    public void Page_of_the_service_lists_them()
        => Assert.Equal(
            MetricCatalog.All.Select(static family => $"| `{family.PrometheusName}` | {(family.IsCounter ? "counter" : "gauge")} | {family.Help} |"),
            File.ReadLines(Path.Combine(Repository.Root, "protocol-spec", "service.md"))
                .Where(static line => line.StartsWith("| `vmbus_", StringComparison.Ordinal) || line.StartsWith("| `process_", StringComparison.Ordinal)));

    [Fact]
    public void Every_metric_of_a_partition_that_runs_is_there_and_every_line_has_the_format()
    {
        string text = PrometheusText.Of(Running("web"));
        Assert.All(MetricCatalog.All.Where(static family => !family.Name.StartsWith("process_", StringComparison.Ordinal)), family => Assert.Contains($"# TYPE {family.PrometheusName} ", text, StringComparison.Ordinal));
        string[] series = [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(static line => line[0] != '#')];
        Assert.All(series, static line => Assert.Matches(SeriesLine(), line));
        Assert.Equal(series.Length, series.Select(static line => line[..line.LastIndexOf(' ')]).Distinct().Count());
        Assert.Contains("vmbus_channel_data_bytes_total{partition=\"web\",channel=\"7\",device=\"scsi\",subchannel=\"1\",direction=\"out\"} 4096\n", text, StringComparison.Ordinal);
        Assert.Contains("vmbus_channel_data_bytes_total{partition=\"web\",channel=\"7\",device=\"scsi\",subchannel=\"1\",direction=\"in\"} 8192\n", text, StringComparison.Ordinal);
        Assert.Contains("vmbus_channel_operation_time_seconds_total{partition=\"web\",channel=\"7\",device=\"scsi\",subchannel=\"1\"} 0.005\n", text, StringComparison.Ordinal);
        Assert.Contains("vmbus_virtio_disk_operation_time_seconds_total{partition=\"web\",disk=\"data\"} 0.0015\n", text, StringComparison.Ordinal);
        Assert.Contains("vmbus_virtio_disk_data_bytes_total{partition=\"web\",disk=\"data\",direction=\"out\"} 4096\n", text, StringComparison.Ordinal);
        Assert.Contains("vmbus_partition_uptime_seconds{partition=\"web\"} 1.5\n", text, StringComparison.Ordinal);
        Assert.Contains("vmbus_partitions{state=\"running\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("vmbus_nic_link_dropped_frames_total{partition=\"web\",nic=\"lan\",cause=\"filtered\"} 3\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_from_outside_cannot_make_lines_or_labels_of_their_own()
    {
        ServiceSample sample = Running("web");
        var disk = new DiskReport("a\"} 1\nvmbus_fake 1\\\u001b" + new string('x', 1000), 0, "/d", "raw", false, "attached", 1, "vmbus");
        string text = PrometheusText.Of(sample with { Partitions = [sample.Partitions[0] with { Disks = [disk] }] });
        Assert.Contains("disk=\"a\\\"} 1\\nvmbus_fake 1\\\\ xxx", text, StringComparison.Ordinal);
        Assert.DoesNotContain(text.Split('\n'), static line => line.StartsWith("vmbus_fake", StringComparison.Ordinal));
        Assert.All(text.Split('\n'), static line => Assert.InRange(line.Length, 0, 500));
    }

    [Fact]
    public void Worker_that_does_not_answer_is_told_and_its_metrics_are_left_out()
    {
        ServiceSample sample = Running("web");
        string text = PrometheusText.Of(sample with { Partitions = [new PartitionSample(sample.Partitions[0].Status) { Failure = "its worker does not answer" }] });
        Assert.Contains("vmbus_partition_answers{partition=\"web\"} 0\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("vmbus_partition_uptime", text, StringComparison.Ordinal);
        Assert.DoesNotContain("vmbus_channel", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Process_figures_are_read_behind_a_name_with_blanks_and_parentheses()
    {
        string stat = "42 (a) b (c) S 1 1 1 0 -1 4194560 1 1 0 0 250 50 0 0 20 0 9 0 1234 1000000 100 1 1 1";
        Assert.Equal(new ProcessFigures(3, 100L * Environment.SystemPageSize), ProcessFigures.TryParse(stat));
        Assert.Null(ProcessFigures.TryParse("42 (cut) S 1"));
        Assert.True(ProcessFigures.TryRead(Environment.ProcessId)!.Value.ResidentBytes > 0);
        Assert.Null(ProcessFigures.TryRead(int.MaxValue));
    }

    private static ServiceSample Running(string name)
    {
        var status = new PartitionStatus(name, "running", 1, "/control", 1_000_000, 2, "1G", "never", false, false, null, null, null, null);
        var channel = new ChannelReport(7, "type", "instance", "scsi", 1, "open", 0, "lane 0", 10, 20, 5, 6, 30, 4096, 8192, 1, 2, 3, 4, 25, 5000);
        var traffic = new NicTraffic(1, 2, 3, 4, 5, 6, 7);
        var sample = new PartitionSample(status)
        {
            Report = new PartitionReport(name, "running", 1500, "5.3", 1, [channel], [new VirtioDiskReport("data", 4, 1500, 1, 4096, 8192)]),
            Memory = new MemoryReport(true, "2.0", true, true, 1, 2, 3, 4, 5, 6, 7, 8),
            Disks = [new DiskReport("root", 0, "/d", "raw", false, "attached", 512, "vmbus")],
            Nics = [new NicReport("lan", "bridge=br0", "02:00:00:00:00:01", "attached", true, traffic, [new NicQueueReport(0, traffic, 1, 2, 3, 4)])],
            Worker = new ProcessFigures(1, 2),
        };
        return new ServiceSample(DateTimeOffset.UnixEpoch, [sample], 0, null);
    }

    [GeneratedRegex(@"^[a-z_]+(\{[a-z]+=""[^""\\\n]*""(,[a-z]+=""[^""\\\n]*"")*\})? -?[0-9.E+-]+$", RegexOptions.CultureInvariant)]
    private static partial Regex SeriesLine();
}
