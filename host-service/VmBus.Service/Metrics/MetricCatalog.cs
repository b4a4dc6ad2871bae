using System.Globalization;
using VmBus.Management.Values;

namespace VmBus.Service.Metrics;

/// <summary>Every metric of the service. Source: protocol-spec/service.md#metrics.</summary>
/// <remarks>What a worker does not tell is left out, not zero. Directions are the guest's: <c>out</c> is what it sends or writes, <c>in</c> what it receives or reads.</remarks>
internal static class MetricCatalog
{
    private const string Bytes = "bytes";
    private const string Seconds = "seconds";
    private const double Microseconds = 1e6;
    private const string In = "in";
    private const string Out = "out";

    private static readonly string Version = typeof(MetricCatalog).Assembly.GetName().Version?.ToString(3) ?? "";
    private static readonly string[] States = ["off", "starting", "running", "stopping", "restarting"];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<MetricFamily> All { get; } =
    [
        Gauge("vmbus_service_info", "", "The service; its version is the label.", static _ => [new(1, ("version", Version))]),
        Gauge("vmbus_partitions", "", "Partitions in each state.", static sample => States.Select(state => new MetricPoint(sample.Partitions.Count(one => one.Status.State == state), ("state", state)))),
        Gauge("vmbus_definition_problems", "", "Definition files that are wrong.", static sample => [new(sample.Problems + sample.Partitions.Count(static one => one.Status.Problem is not null))]),
        Counter("process_cpu", Seconds, "Processor time of the service.", static sample => sample.Own is { } own ? [new(own.CpuSeconds)] : []),
        Gauge("process_resident_memory", Bytes, "Memory that the service holds.", static sample => sample.Own is { } own ? [new(own.ResidentBytes)] : []),

        Gauge("vmbus_partition_running", "", "1 when the partition runs.", OfPartitions(static one => one.Status.State == "running" ? 1 : 0)),
        Gauge("vmbus_partition_answers", "", "1 when the partition's worker has answered; nothing when there is none.", OfPartitions(static one => one.Status.Control is null ? null : one.Report is null ? 0 : 1)),
        Gauge("vmbus_partition_start_time", Seconds, "When the partition's worker was started, since 1970.", OfPartitions(static one => one.Status.StartedMs / 1000.0)),
        Gauge("vmbus_partition_uptime", Seconds, "How long the machine has run since it was started or last reset.", OfPartitions(static one => one.Report?.UptimeMs / 1000.0)),
        Gauge("vmbus_partition_processors", "", "Virtual processors.", OfPartitions(static one => one.Status.Processors)),
        Gauge("vmbus_partition_connected", "", "1 when the guest is connected to the VMBus.", OfPartitions(static one => one.Report is null ? null : one.Report.Bus is null ? 0 : 1)),
        Gauge("vmbus_partition_memory_assigned", Bytes, "Memory that the guest has.", OfPartitions(static one => one.Memory?.AssignedBytes)),
        Gauge("vmbus_partition_memory_maximum", Bytes, "Memory that the guest may have at most.", OfPartitions(static one => one.Memory?.MaximumBytes)),
        Gauge("vmbus_partition_memory_ballooned", Bytes, "Memory that the guest has given back.", OfPartitions(static one => one.Memory?.BalloonedBytes)),
        Gauge("vmbus_partition_memory_available", Bytes, "Memory that the guest's programs could still have, by its last report.", OfPartitions(static one => one.Memory?.AvailableBytes)),
        Gauge("vmbus_partition_memory_committed", Bytes, "Memory that the guest's programs have asked for, by its last report.", OfPartitions(static one => one.Memory?.CommittedBytes)),
        Counter("vmbus_worker_cpu", Seconds, "Processor time of the partition's worker, with what the guest runs.", OfPartitions(static one => one.Worker?.CpuSeconds)),
        Gauge("vmbus_worker_resident_memory", Bytes, "Memory that the partition's worker holds, with what the guest has used of its own.", OfPartitions(static one => one.Worker?.ResidentBytes)),

        Counter("vmbus_channel_packets", "", "Packets over the channel.", OfChannels(static one => one.PacketsOut, static one => one.PacketsIn)),
        Counter("vmbus_channel_interrupts", "", "Interrupts raised for the channel.", OfChannels(static one => one.Interrupts)),
        Counter("vmbus_channel_kicks", "", "Times that the guest's signals woke the host for the channel.", OfChannels(static one => one.Kicks)),
        Counter("vmbus_channel_operations", "", "I/O commands started, or frames of both directions.", OfChannels(static one => one.Operations)),
        Counter("vmbus_channel_timed_operations", "", "I/O commands that have ended, where their time is taken.", OfChannels(static one => one.Timed)),
        Counter("vmbus_channel_operation_time", Seconds, "The sum of their times.", OfChannels(static one => one.TimedUs / Microseconds)),
        Counter("vmbus_channel_data", Bytes, "Data over the channel: written and read, or sent and received.", OfChannels(static one => one.BytesOut, static one => one.BytesIn)),
        Gauge("vmbus_channel_ring_used", Bytes, "What waits in the channel's rings now.", OfChannels(static one => one.RingOut, static one => one.RingIn)),
        Gauge("vmbus_channel_ring_size", Bytes, "Size of the channel's rings.", OfChannels(static one => one.RingOutSize, static one => one.RingInSize)),

        Gauge("vmbus_disk_size", Bytes, "Size of the disk as the guest is told it.", static sample => sample.Partitions.SelectMany(static partition =>
            partition.Disks.Select(disk => new MetricPoint(disk.Bytes, ("partition", partition.Status.Name), ("disk", disk.Id), ("bus", disk.Bus), ("format", disk.Format))))),
        Gauge("vmbus_disk_attached", "", "1 when the guest has the disk, 0 while it comes or goes.", static sample => sample.Partitions.SelectMany(static partition =>
            partition.Disks.Select(disk => new MetricPoint(disk.State == "attached" ? 1 : 0, ("partition", partition.Status.Name), ("disk", disk.Id))))),

        Counter("vmbus_virtio_disk_operations", "", "Requests of the virtio disk that have ended.", OfVirtioDisks(static one => one.Timed)),
        Counter("vmbus_virtio_disk_operation_time", Seconds, "The sum of their times.", OfVirtioDisks(static one => one.TimedUs / Microseconds)),
        Counter("vmbus_virtio_disk_failed_operations", "", "Those that ended with an error.", OfVirtioDisks(static one => one.Failed)),
        Counter("vmbus_virtio_disk_data", Bytes, "Data of the virtio disk: written and read.", OfVirtioDisks(static one => one.BytesOut, static one => one.BytesIn)),

        Gauge("vmbus_nic_up", "", "1 when somebody is at the other end of the network adapter's link.", OfNics(static one => one.Up ? 1 : 0)),
        Counter("vmbus_nic_frames", "", "Frames that the network adapter has carried.", OfNics(static one => one.Traffic.FramesReceived, static one => one.Traffic.FramesSent)),
        Counter("vmbus_nic_data", Bytes, "Bytes of those frames.", OfNics(static one => one.Traffic.BytesReceived, static one => one.Traffic.BytesSent)),
        Counter("vmbus_nic_dropped_frames", "", "Frames that were dropped between the guest and the network adapter.", OfNics(static one => one.Traffic.ReceiveDropped, static one => one.Traffic.SendDropped)),
        Counter("vmbus_nic_link_dropped_frames", "", "Frames of the open queues that the link did not take, or that are not for the guest, by cause.", static sample => sample.Partitions.SelectMany(static partition =>
            partition.Nics.SelectMany(nic => new (string Cause, Func<NicQueueReport, long> Read)[]
                {
                    ("full", static queue => queue.LinkFull), ("failed", static queue => queue.LinkFailed), ("filtered", static queue => queue.Filtered), ("too_long", static queue => queue.TooLong),
                }
                .Select(one => new MetricPoint(nic.Queues.Sum(one.Read), ("partition", partition.Status.Name), ("nic", nic.Id), ("cause", one.Cause)))))),
        Counter("vmbus_nic_refused_messages", "", "Messages of the guest that were malformed.", OfNics(static one => one.Traffic.Refused)),
    ];

    private static MetricFamily Gauge(string name, string unit, string help, Func<ServiceSample, IEnumerable<MetricPoint>> read) => new(name, unit, false, help, read);

    private static MetricFamily Counter(string name, string unit, string help, Func<ServiceSample, IEnumerable<MetricPoint>> read) => new(name, unit, true, help, read);

    private static Func<ServiceSample, IEnumerable<MetricPoint>> OfPartitions(Func<PartitionSample, double?> read)
        => sample => sample.Partitions.SelectMany(partition => read(partition) is { } value ? new[] { new MetricPoint(value, ("partition", partition.Status.Name)) } : []);

    // One series, or one for each direction. The contract's words for channels are the host's: what comes in is what the guest sends.
    private static Func<ServiceSample, IEnumerable<MetricPoint>> OfChannels(Func<ChannelReport, double?> read, Func<ChannelReport, double?>? fromGuest = null)
        => sample => sample.Partitions.SelectMany(partition => (partition.Report?.Channels ?? []).SelectMany(channel => Points(
            read(channel),
            fromGuest?.Invoke(channel),
            fromGuest is not null,
            ("partition", partition.Status.Name),
            ("channel", channel.Id.ToString(CultureInfo.InvariantCulture)),
            ("device", channel.Device),
            ("subchannel", channel.Subchannel.ToString(CultureInfo.InvariantCulture)))));

    private static Func<ServiceSample, IEnumerable<MetricPoint>> OfVirtioDisks(Func<VirtioDiskReport, double?> read, Func<VirtioDiskReport, double?>? fromGuest = null)
        => sample => sample.Partitions.SelectMany(partition => (partition.Report?.VirtioDisks ?? []).SelectMany(disk => Points(
            read(disk), fromGuest?.Invoke(disk), fromGuest is not null, ("partition", partition.Status.Name), ("disk", disk.Id))));

    private static Func<ServiceSample, IEnumerable<MetricPoint>> OfNics(Func<NicReport, double?> read, Func<NicReport, double?>? fromGuest = null)
        => sample => sample.Partitions.SelectMany(partition => partition.Nics.SelectMany(nic => Points(
            read(nic), fromGuest?.Invoke(nic), fromGuest is not null, ("partition", partition.Status.Name), ("nic", nic.Id))));

    private static IEnumerable<MetricPoint> Points(double? toGuest, double? fromGuest, bool hasDirections, params (string Name, string Value)[] labels)
    {
        if (toGuest is { } received) yield return new MetricPoint(received, hasDirections ? [.. labels, ("direction", In)] : labels);
        if (fromGuest is { } sent) yield return new MetricPoint(sent, [.. labels, ("direction", Out)]);
    }
}
