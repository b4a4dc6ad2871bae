using VmBus.Protocol.Channel;
using VmBus.Storage.Disks;

namespace VmBus.Host.ProcessPartitions;

/// <summary>What a partition without a machine is made of.</summary>
public sealed record ProcessPartitionOptions
{
    /// <summary>The guest's RAM.</summary>
    public ulong MemoryBytes { get; init; } = 128 << 20;

    /// <summary>How many processors its guest says to have: sub-channels and queues.</summary>
    public int ProcessorCount { get; init; } = 4;

    /// <summary>The newest version of VMBus that is accepted.</summary>
    public ProtocolVersion MaximumVersion { get; init; } = ProtocolVersion.V6_0;

    /// <summary>Its disks.</summary>
    public IReadOnlyList<DiskOptions> Disks { get; init; } = [];

    /// <summary>Where programs of the host meet it, as with <c>vmbus run --vsock</c>; null for nowhere.</summary>
    public string? SocketPath { get; init; }
}
