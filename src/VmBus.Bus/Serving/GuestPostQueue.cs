using VmBus.Protocol.HyperV;

namespace VmBus.Bus.Serving;

/// <summary>Messages the guest has posted and the control lane has not read yet. Many writers, one reader, a fixed size.</summary>
internal sealed class GuestPostQueue
{
    /// <summary>Messages it holds: a guest that is refused tries again, so this bounds memory, not the guest.</summary>
    public const int Capacity = 64;

    private readonly Lock _lock = new();
    private readonly byte[] _bytes = new byte[Capacity * SyntheticInterrupts.MaximumMessageBytes];
    private readonly int[] _lengths = new int[Capacity];
    private int _first;
    private int _count;

    /// <summary>Adds a message of at most 240 bytes.</summary>
    /// <param name="message">The message; copied.</param>
    /// <param name="wasEmpty">Whether the reader has to be woken.</param>
    /// <returns>False when the queue is full.</returns>
    public bool TryAdd(ReadOnlySpan<byte> message, out bool wasEmpty)
    {
        lock (_lock)
        {
            wasEmpty = _count == 0;
            if (_count == Capacity) return false;
            int slot = (_first + _count) % Capacity;
            message.CopyTo(_bytes.AsSpan(slot * SyntheticInterrupts.MaximumMessageBytes));
            _lengths[slot] = message.Length;
            _count++;
            return true;
        }
    }

    /// <summary>Takes the oldest message.</summary>
    /// <returns>Its length, or -1 when there is none.</returns>
    public int TryTake(Span<byte> destination)
    {
        lock (_lock)
        {
            if (_count == 0) return -1;
            int length = _lengths[_first];
            _bytes.AsSpan(_first * SyntheticInterrupts.MaximumMessageBytes, length).CopyTo(destination);
            _first = (_first + 1) % Capacity;
            _count--;
            return length;
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        lock (_lock) _count = 0;
    }
}
