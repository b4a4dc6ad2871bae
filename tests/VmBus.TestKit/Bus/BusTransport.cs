using VmBus.Bus;
using VmBus.Client.Transports;
using VmBus.Memory.Guest;

namespace VmBus.TestKit.Bus;

/// <summary>A client and a bus in one process: what the client posts and signals goes straight to the bus, and back by the ports.</summary>
public sealed class BusTransport(FakePorts ports, VmBusServer server, GuestMemory memory) : IClientTransport
{
    /// <inheritdoc/>
    public GuestMemory Memory => memory;

    /// <inheritdoc/>
    public PostResult Post(uint connectionId, ReadOnlySpan<byte> message) => server.Post(connectionId, message) switch
    {
        PostStatus.Accepted => PostResult.Accepted,
        PostStatus.InsufficientBuffers => PostResult.Busy,
        PostStatus.InvalidConnectionId => PostResult.Refused,
    };

    /// <inheritdoc/>
    public int TakeMessage(Span<byte> destination, TimeSpan timeout)
    {
        if (ports.TakeMessage(timeout) is not { } message) return -1;
        message.AsSpan(0, Math.Min(message.Length, destination.Length)).CopyTo(destination);
        return message.Length;
    }

    /// <inheritdoc/>
    public void Listen(uint processor, uint flag)
    {
        // The ports count every flag on every processor.
    }

    /// <inheritdoc/>
    public bool Signal(uint connectionId) => ports.Kick(connectionId);

    /// <inheritdoc/>
    public bool WaitForInterrupt(uint flag, TimeSpan timeout) => ports.TakeInterrupt(flag, timeout);

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
