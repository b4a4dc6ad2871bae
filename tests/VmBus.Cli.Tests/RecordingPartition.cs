using VmBus.Bus;
using VmBus.Bus.Channels;
using VmBus.Bus.Devices;
using VmBus.Bus.Tracing;
using VmBus.Host;
using VmBus.Host.Integration;
using VmBus.Memory.Rings;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.DynamicMemory;
using VmBus.Protocol.Storage;
using VmBus.Providers.DynamicMemory;
using VmBus.Providers.Network;
using VmBus.Storage.Disks;
using VmBus.TestKit.Host;
using VmBus.Virtio.Block;

namespace VmBus.Cli.Tests;

/// <summary>A partition that notes what is asked of it.</summary>
internal sealed class RecordingPartition : IPartitionControl
{
    private static readonly DiskInfo System = new("system", 0, "/images/system.img", DiskFormat.Raw, false, DiskState.Attached, 20L << 30);

    private static readonly NicInfo Lan = new(
        "lan",
        "tap=vnet0",
        MacAddress.Read([2, 0, 0, 0, 0, 1]),
        NicState.Attached,
        true,
        new NetworkCounters { FramesSent = 5, BytesSent = 500, FramesReceived = 7, BytesReceived = 700, SendDropped = 3 },
        [new NetworkQueueInfo(
            0,
            new NetworkCounters { FramesSent = 2, BytesSent = 200, FramesReceived = 7, BytesReceived = 700, ReceiveDropped = 1, Refused = 4 },
            new LinkQueueCounters(0, 0, 0, 0, 2, 3, 8, 9))]);

    internal List<string> Asked { get; } = [];

    internal IOException? Refusal { get; set; }

    /// <summary>Called with what is asked for.</summary>
    internal Action<string>? WhenAsked { get; set; }

    public IReadOnlyList<DiskInfo> Disks =>
        [System, new("lun1", 1, "/images/data.qcow2", DiskFormat.Qcow2, true, DiskState.Attached, 1025)];

    public IReadOnlyList<NicInfo> NetworkAdapters { get; set; } = [Lan];

    public IIntegrationControl Integration { get; } = new RecordingGuest();

    public NicInfo AddNic(NicOptions options)
    {
        Ask($"nic {options.Name} {options.Id}");
        return Lan;
    }

    public Task RemoveNicAsync(string id)
    {
        Ask($"unplug {id}");
        return Task.CompletedTask;
    }

    public DynamicMemoryInfo Memory { get; } = new(
        true, 0x20000, DynamicMemoryCapabilities.Balloon | DynamicMemoryCapabilities.HotAdd, 1L << 30, 4L << 30, 768L << 20, 256L << 20, 0, null, 500L << 20, null);

    public Task<DynamicMemoryInfo> SetMemoryAsync(long bytes, CancellationToken cancellation = default)
    {
        Ask($"memory {bytes}");
        return Task.FromResult(Memory with { AssignedBytes = bytes });
    }

    public PartitionInfo Describe() => new(
        "demo",
        PartitionState.Running,
        new TimeSpan(1, 2, 3, 4),
        "5.3",
        [new ChannelInfo(1, StorageInterface.Scsi, Guid.Empty, 0, ChannelState.Open, 0x10001, 2, "lane-0", 10, 11, 12, 13)
        {
            Traffic = new ChannelTraffic(7, 123_456_789, 512) { Timed = 6, TimedSum = TimeSpan.FromMicroseconds(1500) },
            FromGuest = new RingFill(1024, 4096),
            ToGuest = new RingFill(0, 4096),
        }])
    {
        VirtioDisks = [new VirtioDiskInfo("data", new BlockCounters(3, 1, 512, 4096, TimeSpan.FromMilliseconds(36)))],
    };

    public DiskInfo AddDisk(DiskOptions options)
    {
        Ask($"add {options.Path} {options.Id} {(options.ReadOnly ? "readonly" : "")}");
        return System;
    }

    public Task RemoveDiskAsync(string id)
    {
        Ask($"remove {id}");
        return Task.CompletedTask;
    }

    public DiskInfo ResizeDisk(string id, long? bytes)
    {
        Ask($"resize {id} {bytes}");
        return System with { Bytes = bytes ?? System.Bytes };
    }

    public Task<Stream> OpenExecAsync(CancellationToken cancellation) => throw new IOException("Commands in the guest are off.");

    /// <summary>What is traced.</summary>
    internal VmBusServer? Bus { get; set; }

    public BusTrace StartTrace(BusTraceOptions options) => Bus?.TryStartTrace(options) ?? throw new IOException("There is no bus.");

    public void RequestPowerOff(TimeSpan limit) => Ask($"poweroff {limit.TotalSeconds}");

    public void Terminate() => Ask("quit");

    private void Ask(string what)
    {
        if (Refusal is not null) throw Refusal;
        Asked.Add(what);
        WhenAsked?.Invoke(what);
    }
}
