using VmBus.Host.Devices;
using VmBus.Network.Links;
using VmBus.Protocol.Integration;
using VmBus.Storage.Disks;

namespace VmBus.Host;

/// <summary>What a partition is made of.</summary>
public sealed record PartitionOptions
{
    /// <summary>The VMBus versions a partition can be capped to, lowest first (major &lt;&lt; 16 | minor).</summary>
    public static IReadOnlyList<uint> SupportedVersions { get; } =
        [0x20004, 0x30000, 0x40000, 0x40001, 0x50000, 0x50001, 0x50002, 0x50003, 0x60000];

    /// <summary>Name for messages and for stable identifiers: the same name gives the guest the same controller instance.</summary>
    public required string Name { get; init; }

    /// <summary>Path of the kernel.</summary>
    public required string Kernel { get; init; }

    /// <summary>Path of the initial RAM disk, or null.</summary>
    public string? Initrd { get; init; }

    /// <summary>Kernel command line.</summary>
    public required string CommandLine { get; init; }

    /// <summary>Virtual processors, 1 to 64.</summary>
    public required int ProcessorCount { get; init; }

    /// <summary>RAM, a multiple of 1 MiB.</summary>
    public required ulong MemoryBytes { get; init; }

    /// <summary>RAM that it may have at most, a multiple of 1 MiB: what is more than <see cref="MemoryBytes"/> can be added while it runs.</summary>
    public ulong MaximumMemoryBytes { get; init; }

    /// <summary>Whether the guest is offered a device that answers everything, to measure the bus with.</summary>
    public bool Echo { get; init; }

    /// <summary>Whether the guest signals that device by its monitor page, which programs in Linux before 6.10 need, and not by a hypercall.</summary>
    public bool EchoByMonitor { get; init; }

    /// <summary>Whether the guest is offered dynamic memory, which gives memory back and takes it.</summary>
    public bool DynamicMemory { get; init; } = true;

    /// <summary>Disks in the order of their logical unit numbers.</summary>
    public IReadOnlyList<DiskOptions> Disks { get; init; } = [];

    /// <summary>Disks that are virtio block devices, in their order.</summary>
    public IReadOnlyList<DiskOptions> VirtioDisks { get; init; } = [];

    /// <summary>Whether the guest has a virtio balloon, in place of <see cref="DynamicMemory"/>; it adds no memory.</summary>
    public bool Balloon { get; init; }

    /// <summary>Whether the guest has a virtio entropy device, with random numbers of the host.</summary>
    public bool Entropy { get; init; }

    /// <summary>Network adapters in the order that the guest is offered them.</summary>
    public IReadOnlyList<NicOptions> NetworkAdapters { get; init; } = [];

    /// <summary>Path of the pcapng file that gets a copy of every frame of every adapter, emptied at the start; null for none.</summary>
    public string? CaptureFile { get; init; }

    /// <summary>How programs of the host and of the guest meet; null for not at all.</summary>
    public SocketOptions? Sockets { get; init; }

    /// <summary>Whether commands may be run in the guest through its exec service (protocol-spec/exec.md).</summary>
    public bool Exec { get; init; }

    /// <summary>Integration services that the guest is offered.</summary>
    public IReadOnlyList<IntegrationService> IntegrationServices { get; init; } = VmBus.Protocol.Integration.IntegrationServices.All;

    /// <summary>
    /// For how long a lane looks for more of a guest's work before it sleeps, after work that came as quickly: spares the guest a signal for each request and
    /// costs a processor of the host while the guest is busy.
    /// </summary>
    public TimeSpan PollTime { get; init; }

    /// <summary>Highest VMBus version that is accepted.</summary>
    public uint MaximumVersion { get; init; } = 0x50003;

    /// <summary>Where its disks, links and files come from, open; it belongs to the caller.</summary>
    public IDeviceOpener Devices { get; init; } = HostDevices.Instance;

    /// <summary>What this process gives up before the guest runs; it does not come back, so a process that goes on after its partition says <see cref="SandboxMode.Off"/>.</summary>
    public SandboxMode Sandbox { get; init; }

    /// <summary>Whether a guest reset ends the partition.</summary>
    public bool EndOnReset { get; init; }
}
