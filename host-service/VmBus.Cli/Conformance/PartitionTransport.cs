using VmBus.Bus;
using VmBus.Client.Transports;
using VmBus.Host.ProcessPartitions;
using VmBus.Memory.Guest;

namespace VmBus.Cli.Conformance;

/// <summary>A guest's way to a partition of the same process. The partition is the caller's.</summary>
internal sealed class PartitionTransport(ProcessPartition partition) : IClientTransport
{
    /// <inheritdoc/>
    public GuestMemory Memory => partition.Memory;

    /// <inheritdoc/>
    public PostResult Post(uint connectionId, ReadOnlySpan<byte> message) => partition.Post(connectionId, message) switch
    {
        PostStatus.Accepted => PostResult.Accepted,
        PostStatus.InsufficientBuffers => PostResult.Busy,
        PostStatus.InvalidConnectionId => PostResult.Refused,
    };

    /// <inheritdoc/>
    public int TakeMessage(Span<byte> destination, TimeSpan timeout)
    {
        if (partition.Ports.TakeMessage(timeout) is not { } message) return -1;
        message.AsSpan(0, Math.Min(message.Length, destination.Length)).CopyTo(destination);
        return message.Length;
    }

    /// <inheritdoc/>
    public void Listen(uint processor, uint flag) => partition.Ports.Listen(processor, flag);

    /// <inheritdoc/>
    public bool Signal(uint connectionId) => partition.Ports.Signal(connectionId);

    /// <inheritdoc/>
    public bool WaitForInterrupt(uint flag, TimeSpan timeout) => partition.Ports.WaitForFlag(flag, timeout);

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
