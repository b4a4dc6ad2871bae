using VmBus.Bus;
using VmBus.Bus.Tracing;
using VmBus.Host;
using VmBus.Host.Integration;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.DynamicMemory;
using VmBus.Providers.DynamicMemory;
using VmBus.Storage.Disks;
using VmBus.TestKit.Host;

namespace VmBus.Control.Tests.Server;

/// <summary>A partition that does what the test says.</summary>
internal sealed class FakePartition : IPartitionControl
{
    private static readonly DiskInfo System = new("system", 0, "/images/system.img", DiskFormat.Raw, false, DiskState.Attached, 1 << 30);

    /// <summary>What was asked for, in order.</summary>
    public List<string> Asked { get; } = [];

    /// <summary>Ends the removal of a disk.</summary>
    public TaskCompletionSource Removal { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Holds up whoever resizes a disk, and tells that somebody does.</summary>
    public ManualResetEventSlim Resizing { get; } = new();

    /// <summary>Set by whoever resizes a disk.</summary>
    public ManualResetEventSlim ResizeBegun { get; } = new();

    /// <summary>The connection to the guest's exec service; null where there is none.</summary>
    public Stream? Exec { get; set; }

    /// <summary>Why there is no connection, where there is none.</summary>
    public Exception ExecRefusal { get; set; } = new IOException("Commands in the guest are off.");

    /// <summary>What is traced.</summary>
    public VmBusServer? Bus { get; set; }

    /// <summary>How many disks there are.</summary>
    public int DiskCount { get; set; } = 1;

    public IReadOnlyList<DiskInfo> Disks => [.. Enumerable.Range(0, DiskCount).Select(lun => System with { Id = lun == 0 ? "system" : $"disk{lun}", Lun = lun })];

    public IIntegrationControl Integration { get; } = new RecordingGuest();

    public IReadOnlyList<NicInfo> NetworkAdapters { get; } =
        [new NicInfo("lan", "tap=vnet0", MacAddress.Read([2, 0, 0, 0, 0, 1]), NicState.Attached, true, default, [])];

    public DynamicMemoryInfo Memory { get; private set; } =
        new(true, 0x20000, DynamicMemoryCapabilities.Balloon, 1 << 30, 1 << 30, 1 << 30, 0, 0, null, 12345, 67890);

    public Task<DynamicMemoryInfo> SetMemoryAsync(long bytes, CancellationToken cancellation = default)
        => Task.FromResult(Memory = Memory with { AssignedBytes = bytes, BalloonedBytes = Memory.StartBytes - bytes });

    public PartitionInfo Describe() => new("guest", PartitionState.Running, TimeSpan.FromSeconds(90), "5.3", []);

    public DiskInfo AddDisk(DiskOptions options)
    {
        Ask($"add {options.Path}");
        return System with { Path = options.Path, Id = options.Id ?? "lun1", Lun = 1 };
    }

    public Task RemoveDiskAsync(string id)
    {
        if (id == "other") throw new IOException("There is no disk 'other': there are system.");
        Ask($"remove {id}");
        return Removal.Task;
    }

    public DiskInfo ResizeDisk(string id, long? bytes)
    {
        if (id == "bug") throw new InvalidOperationException("a bug");
        ResizeBegun.Set();
        Resizing.Wait();
        return System with { Bytes = bytes ?? 0 };
    }

    public NicInfo AddNic(NicOptions options)
    {
        Ask($"nic {options.Name}");
        return NetworkAdapters[0];
    }

    public Task RemoveNicAsync(string id)
    {
        Ask($"unplug {id}");
        return Task.CompletedTask;
    }

    public Task<Stream> OpenExecAsync(CancellationToken cancellation)
        => Exec is { } stream ? Task.FromResult(stream) : Task.FromException<Stream>(ExecRefusal);

    public BusTrace StartTrace(BusTraceOptions options) => Bus?.TryStartTrace(options) ?? throw new IOException("There are as many traces as may be.");

    public void RequestPowerOff(TimeSpan limit) => Ask($"poweroff {limit.TotalSeconds}");

    public void Terminate() => Ask("kill");

    private void Ask(string what)
    {
        lock (Asked) Asked.Add(what);
    }
}
