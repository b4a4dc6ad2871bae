namespace VmBus.Machine.Hypercalls;

/// <summary>Receives the guest's two messaging hypercalls.</summary>
/// <remarks>Called on vCPU threads, several at once. Implementations copy what they keep, do not block and do not throw.</remarks>
public interface IHypercallSink
{
    /// <summary>HvPostMessage: <paramref name="payload"/> (0 to 240 bytes, a copy of the guest's) is valid during the call only.</summary>
    /// <param name="connectionId">24 bits; the host's message ports are 1 and 4.</param>
    /// <param name="messageType">1 for VMBus channel messages.</param>
    /// <param name="payload">The message.</param>
    HypercallStatus PostMessage(uint connectionId, uint messageType, ReadOnlySpan<byte> payload);

    /// <summary>HvSignalEvent that no eventfd is bound to: an unknown connection id, or a flag number other than 0.</summary>
    HypercallStatus SignalEvent(uint connectionId, ushort flag);
}
