using System.Diagnostics;
using System.Globalization;
using VmBus.Bus.Devices;
using VmBus.Host;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Protocol.DynamicMemory;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Network;
using VmBus.Protocol.Sockets;
using VmBus.Protocol.Storage;
using VmBus.Providers.DynamicMemory;
using VmBus.Providers.Network;

namespace VmBus.Control.Verbs;

/// <summary>Puts what a partition tells into the words of the contract.</summary>
public static class Reports
{
    /// <summary>A partition.</summary>
    public static PartitionReport Of(PartitionInfo info) => new(
        info.Name,
        Words.Of(info.State),
        (long)info.Uptime.TotalMilliseconds,
        info.BusVersion,
        (long)Stopwatch.GetElapsedTime(0).TotalMilliseconds,
        [.. info.Channels.Select(Of)],
        [.. info.VirtioDisks.Select(Of)]);

    /// <summary>A partition's memory.</summary>
    public static MemoryReport Of(DynamicMemoryInfo memory) => new(
        memory.IsReady,
        memory.Version is { } version ? string.Create(CultureInfo.InvariantCulture, $"{version >> 16}.{version & ushort.MaxValue}") : null,
        (memory.Capabilities & DynamicMemoryCapabilities.Balloon) != 0,
        (memory.Capabilities & DynamicMemoryCapabilities.HotAdd) != 0,
        memory.StartBytes,
        memory.MaximumBytes,
        memory.AssignedBytes,
        memory.BalloonedBytes,
        memory.AddedBytes,
        memory.GoalBytes,
        memory.AvailableBytes,
        memory.CommittedBytes);

    /// <summary>A channel.</summary>
    public static ChannelReport Of(ChannelInfo channel) => new(
        channel.Id,
        channel.InterfaceType.ToString(),
        channel.InterfaceInstance.ToString(),
        DeviceName(channel.InterfaceType),
        channel.SubchannelIndex,
        Words.Of(channel.State),
        channel.TargetProcessor,
        channel.Lane,
        channel.PacketsIn,
        channel.PacketsOut,
        channel.Kicks,
        channel.Interrupts,
        channel.Traffic?.Operations,
        channel.Traffic?.BytesIn,
        channel.Traffic?.BytesOut,
        channel.FromGuest?.Bytes,
        channel.FromGuest?.Size,
        channel.ToGuest?.Bytes,
        channel.ToGuest?.Size,
        channel.Traffic?.Timed,
        channel.Traffic is { Timed: not null } traffic ? Microseconds(traffic.TimedSum) : null);

    /// <summary>What a virtio disk does.</summary>
    public static VirtioDiskReport Of(VirtioDiskInfo disk) => new(
        disk.Id, disk.Counters.Requests, Microseconds(disk.Counters.Time), disk.Counters.FailedRequests, disk.Counters.BytesWritten, disk.Counters.BytesRead);

    /// <summary>A disk.</summary>
    public static DiskReport Of(DiskInfo disk)
        => new(disk.Id, disk.Lun, disk.Path, Words.Of(disk.Format), disk.ReadOnly, Words.Of(disk.State), disk.Bytes, Words.Of(disk.Bus));

    /// <summary>A network adapter.</summary>
    public static NicReport Of(NicInfo nic)
        => new(nic.Id, nic.Link, nic.Address.ToString(), Words.Of(nic.State), nic.IsUp, Of(nic.Counters), [.. nic.Queues.Select(Of)]);

    /// <summary>An event of a partition: its name and its fields.</summary>
    public static (string Name, ControlEvent Fields) Of(string partition, PartitionEvent happened)
    {
        var fields = new ControlEvent(happened.Time.ToUnixTimeMilliseconds(), partition, null, null, null, null, null);
        return happened switch
        {
            PartitionEvent.Started => (PartitionEventName.Started, fields),
            PartitionEvent.Reset reset => (PartitionEventName.Reset, fields with { Detail = $"by {reset.Source}" }),
            PartitionEvent.Crashed crashed => (PartitionEventName.Crashed, fields with { Detail = crashed.Report }),
            PartitionEvent.Ended ended => (
                PartitionEventName.Ended, fields with { Reason = Words.Of(ended.Result.End), Detail = ended.Result.Detail is "" ? null : ended.Result.Detail }),
            PartitionEvent.ChannelOpened opened => (
                PartitionEventName.ChannelOpened,
                fields with { Channel = opened.ChannelId, Device = DeviceName(opened.InterfaceType), Subchannel = opened.SubchannelIndex }),
            PartitionEvent.ChannelClosed closed => (
                PartitionEventName.ChannelClosed,
                fields with { Channel = closed.ChannelId, Device = DeviceName(closed.InterfaceType), Subchannel = closed.SubchannelIndex }),
            _ => throw new InvalidOperationException($"Unknown event {happened}"),
        };
    }

    private static long Microseconds(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;

    private static NicQueueReport Of(NetworkQueueInfo queue) => new(
        queue.Index, Of(queue.Counters), queue.Link.SendQueueFull, queue.Link.SendFailed, queue.Link.ReceiveFiltered, queue.Link.ReceiveTooLong);

    private static NicTraffic Of(NetworkCounters counters) => new(
        counters.FramesSent,
        counters.BytesSent,
        counters.FramesReceived,
        counters.BytesReceived,
        counters.SendDropped,
        counters.ReceiveDropped,
        counters.Refused);

    /// <summary>What a channel's device is called.</summary>
    public static string DeviceName(Guid type) => type == StorageInterface.Scsi ? "scsi"
        : type == NetworkInterface.Synthetic ? "network"
        : IntegrationServices.All.Any(service => service.InterfaceType == type) ? "integration"
        : type == DynamicMemoryProvider.Ids.InterfaceType ? "memory"
        : SocketInterface.TryGetPort(type, out _) ? "socket"
        : "other";
}
