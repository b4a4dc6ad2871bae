namespace VmBus.Host.Consoles;

/// <summary>Bytes on their way to a console that takes them at its own pace: a bounded first-in, first-out queue.</summary>
/// <remarks>Not synchronised: the console that owns it holds its lock.</remarks>
internal sealed class OutputQueue
{
    /// <summary>Room for a guest's whole boot log while nobody reads.</summary>
    public const int MaximumBytes = 1 << 20;

    private byte[] _bytes = [];
    private int _start;

    /// <summary>Bytes waiting.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes that did not fit since the start.</summary>
    public long Lost { get; private set; }

    /// <summary>The first bytes that wait, in one piece.</summary>
    public ReadOnlySpan<byte> Head => _bytes.AsSpan(_start, Math.Min(Count, _bytes.Length - _start));

    /// <summary>Appends what fits and counts the rest as lost.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        int room = MaximumBytes - Count;
        if (bytes.Length > room)
        {
            Lost += bytes.Length - room;
            bytes = bytes[..room];
        }

        Reserve(Count + bytes.Length);
        int end = (_start + Count) % Math.Max(_bytes.Length, 1);
        int first = Math.Min(bytes.Length, _bytes.Length - end);
        bytes[..first].CopyTo(_bytes.AsSpan(end));
        bytes[first..].CopyTo(_bytes);
        Count += bytes.Length;
    }

    /// <summary>Drops bytes from the front of <see cref="Head"/>.</summary>
    public void Remove(int bytes)
    {
        _start = (_start + bytes) % _bytes.Length;
        Count -= bytes;
        if (Count == 0) _start = 0;
    }

    private void Reserve(int bytes)
    {
        if (bytes <= _bytes.Length) return;
        byte[] larger = new byte[Math.Min(MaximumBytes, Math.Max(4096, bytes * 2))];
        int first = Math.Min(Count, _bytes.Length - _start);
        _bytes.AsSpan(_start, first).CopyTo(larger);
        _bytes.AsSpan(0, Count - first).CopyTo(larger.AsSpan(first));
        _bytes = larger;
        _start = 0;
    }
}
