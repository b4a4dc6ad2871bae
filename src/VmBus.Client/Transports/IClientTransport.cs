using VmBus.Memory.Guest;

namespace VmBus.Client.Transports;

/// <summary>What a guest has of its machine: RAM that it shares with the host, the two hypercalls of VMBus, its message slot and its event flags.</summary>
/// <remarks>
/// <see cref="Post"/> and <see cref="TakeMessage"/> are called by one thread at a time; <see cref="Signal"/> and <see cref="WaitForInterrupt"/> on
/// the data path, by the thread of each channel, and allocate nothing. Source: protocol-spec/synic.md.
/// </remarks>
public interface IClientTransport : IDisposable
{
    /// <summary>The guest's RAM.</summary>
    GuestMemory Memory { get; }

    /// <summary>Posts a channel message (HVCALL_POST_MESSAGE).</summary>
    /// <param name="connectionId">1 or 4, or what the host named.</param>
    /// <param name="message">At most 240 bytes.</param>
    PostResult Post(uint connectionId, ReadOnlySpan<byte> message);

    /// <summary>Takes the next message of the host, in order, and waits for it.</summary>
    /// <param name="destination">At least 240 bytes.</param>
    /// <param name="timeout">How long at most.</param>
    /// <returns>Its bytes, or -1 when none came in time.</returns>
    int TakeMessage(Span<byte> destination, TimeSpan timeout);

    /// <summary>Enables an event flag on a processor, before the host is told to raise it there. Again it does nothing.</summary>
    void Listen(uint processor, uint flag);

    /// <summary>Signals the host (HVCALL_SIGNAL_EVENT).</summary>
    /// <returns>False when the host has not bound this connection: its channel is not open.</returns>
    bool Signal(uint connectionId);

    /// <summary>
    /// Waits until the host raises an event flag on any processor that listens, and clears it: hosts before 5.3 do not say when they have moved
    /// a channel's interrupts, so the last ones may still come where they came before.
    /// </summary>
    /// <returns>False when it did not in time.</returns>
    bool WaitForInterrupt(uint flag, TimeSpan timeout);
}
