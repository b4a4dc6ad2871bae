using VmBus.Memory.Guest;
using VmBus.Memory.Synic;
using VmBus.Native.Linux;

namespace VmBus.Machine.Interrupts;

/// <summary>What became of a message.</summary>
internal enum MessageOutcome
{
    /// <summary>It is in the slot and the guest is interrupted.</summary>
    Delivered,

    /// <summary>The guest has not freed the slot; it will signal when it has.</summary>
    SlotBusy,

    /// <summary>The guest has no message page, its controller is off, or the interrupt is masked.</summary>
    Off,
}

/// <summary>The VMBus interrupt source of one virtual processor: its event flags, its message slot and its interrupt.</summary>
/// <remarks>
/// One lock per processor: whoever writes the guest's pages holds it, so a change of the pages (an exit of that processor, completed only when
/// <see cref="Update"/> has returned) waits for the last user of the old ones. Nothing allocates. Source: protocol-spec/synic.md.
/// </remarks>
internal sealed class SynicProcessor(GuestMemory memory, EventFd interrupt) : IDisposable
{
    private const ulong EnableBit = 1;
    private const ulong PageMask = ~(ulong)(Gpa.PageBytes - 1);

    private readonly uint[] _kept = new uint[EventFlagBlock.WordCount];
    private EventFlagBlock _flags;
    private MessageSlot _slot;
    private bool _anyKept;
    private bool _masked = true;
    private bool _closed;

    /// <summary>Held by whoever writes the guest's pages or changes which they are.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>The eventfd that KVM turns into this source's interrupt.</summary>
    internal EventFd Interrupt => interrupt;

    /// <inheritdoc/>
    public void Dispose() => interrupt.Dispose();

    /// <summary>Sets an event flag (below 2048) and interrupts the processor unless the flag was still set. Keeps it while the page is off or the interrupt masked.</summary>
    internal void Raise(uint flag)
    {
        lock (Gate)
        {
            if (_closed) return;
            if (_flags.Exists && !_masked)
            {
                if (_flags.Set(flag)) interrupt.Signal();
                return;
            }

            _kept[flag / 32] |= 1u << (int)(flag % 32);
            _anyKept = true;
        }
    }

    /// <summary>Writes a message when the slot is free.</summary>
    /// <param name="type">The message type.</param>
    /// <param name="payload">At most 240 bytes.</param>
    /// <param name="moreWaiting">Whether another message waits behind this one.</param>
    /// <param name="endOfMessage">What the guest's end of message signals; drained before the last look at a busy slot.</param>
    internal MessageOutcome TryDeliver(uint type, ReadOnlySpan<byte> payload, bool moreWaiting, EventFd endOfMessage)
    {
        lock (Gate)
        {
            if (_closed || _masked || !_slot.Exists) return MessageOutcome.Off;
            if (!_slot.IsFree)
            {
                // Ask, forget old signals, look again: a signal for a slot that is freed after this look is still to come.
                _slot.RequestEndOfMessage();
                endOfMessage.Drain();
                if (!_slot.IsFree) return MessageOutcome.SlotBusy;
            }

            _slot.Write(type, payload, moreWaiting);
            interrupt.Signal();
            return MessageOutcome.Delivered;
        }
    }

    /// <summary>Takes over the registers that the guest has written.</summary>
    /// <param name="control">SCONTROL.</param>
    /// <param name="eventPage">SIEFP.</param>
    /// <param name="messagePage">SIMP.</param>
    /// <returns>False when an enabled page is not RAM: it counts as off.</returns>
    internal bool Update(ulong control, ulong eventPage, ulong messagePage)
    {
        lock (Gate)
        {
            if (_closed) return true;
            bool on = (control & EnableBit) != 0;
            bool wantsFlags = on && (eventPage & EnableBit) != 0;
            bool wantsSlot = on && (messagePage & EnableBit) != 0;
            _flags = default;
            _slot = default;
            bool valid = true;
            if (wantsFlags) valid &= EventFlagBlock.TryOpen(memory, new Gpa(eventPage & PageMask), InterruptRouting.VmBusSource, out _flags);
            if (wantsSlot) valid &= MessageSlot.TryOpen(memory, new Gpa(messagePage & PageMask), InterruptRouting.VmBusSource, out _slot);
            Announce();
            return valid;
        }
    }

    /// <summary>Says whether the guest has masked the interrupt, as it is after a reset: flags and messages are kept meanwhile.</summary>
    internal void SetMask(bool masked)
    {
        lock (Gate)
        {
            _masked = masked;
            Announce();
        }
    }

    /// <summary>Ends every use of guest memory and of the interrupt. Later calls do nothing.</summary>
    internal void Close()
    {
        lock (Gate)
        {
            _closed = true;
            _flags = default;
            _slot = default;
        }
    }

    // With the gate held, after each change. What is there already is announced too: its interrupt is lost when it came within the change.
    private void Announce()
    {
        if (_masked) return;
        if (_anyKept && _flags.Exists)
        {
            _flags.Merge(_kept);
            Array.Clear(_kept);
            _anyKept = false;
        }

        if ((_flags.Exists && _flags.Any()) || (_slot.Exists && !_slot.IsFree)) interrupt.Signal();
    }
}
