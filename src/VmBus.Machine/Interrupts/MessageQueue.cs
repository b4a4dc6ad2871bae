using VmBus.Memory.Synic;

namespace VmBus.Machine.Interrupts;

/// <summary>Messages that wait for the guest's slot, first in, first out. Grows to a fixed limit and never shrinks.</summary>
/// <remarks>One thread at a time.</remarks>
internal sealed class MessageQueue
{
    /// <summary>Most messages held: an offer and a rescind for each of 2047 channels, twice over. A guest that takes none costs 2 MiB.</summary>
    internal const int Limit = 8192;

    private const int FirstCapacity = 64;
    private const int EntryBytes = MessageSlot.MaximumPayloadBytes;

    private byte[] _payloads = new byte[FirstCapacity * EntryBytes];
    private byte[] _lengths = new byte[FirstCapacity];
    private int _head;

    /// <summary>Messages held.</summary>
    internal int Count { get; private set; }

    /// <summary>The oldest message. Valid until the next call.</summary>
    internal ReadOnlySpan<byte> Peek() => _payloads.AsSpan(_head * EntryBytes, _lengths[_head]);

    /// <summary>Appends a copy of a message of at most 240 bytes.</summary>
    /// <returns>False when the queue is full.</returns>
    internal bool TryAdd(ReadOnlySpan<byte> payload)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, EntryBytes, nameof(payload));
        if (Count == _lengths.Length && !TryGrow()) return false;
        int at = (_head + Count) % _lengths.Length;
        payload.CopyTo(_payloads.AsSpan(at * EntryBytes, EntryBytes));
        _lengths[at] = (byte)payload.Length;
        Count++;
        return true;
    }

    /// <summary>Drops the oldest message.</summary>
    internal void RemoveFirst()
    {
        _head = (_head + 1) % _lengths.Length;
        Count--;
    }

    /// <summary>Drops all messages.</summary>
    internal void Clear() => _head = Count = 0;

    private bool TryGrow()
    {
        int capacity = _lengths.Length;
        if (capacity >= Limit) return false;
        byte[] payloads = new byte[capacity * 2 * EntryBytes];
        byte[] lengths = new byte[capacity * 2];
        for (int i = 0; i < Count; i++)
        {
            int from = (_head + i) % capacity;
            _payloads.AsSpan(from * EntryBytes, EntryBytes).CopyTo(payloads.AsSpan(i * EntryBytes));
            lengths[i] = _lengths[from];
        }

        (_payloads, _lengths, _head) = (payloads, lengths, 0);
        return true;
    }
}
