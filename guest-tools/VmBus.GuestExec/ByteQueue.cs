namespace VmBus.GuestExec;

/// <summary>Bytes that wait, first in, first out, and never more than it was made for. One thread.</summary>
internal sealed class ByteQueue(int capacity)
{
    private readonly byte[] _bytes = new byte[capacity];
    private int _start;
    private int _end;

    /// <summary>How many more fit.</summary>
    public int RoomBytes => _bytes.Length - Count;

    /// <summary>How many wait.</summary>
    public int Count => _end - _start;

    /// <summary>What waits.</summary>
    public ReadOnlySpan<byte> Content => _bytes.AsSpan(_start, Count);

    /// <summary>Room for more, all in one piece; <see cref="Added"/> says how much of it was used.</summary>
    public Span<byte> Room()
    {
        if (_start > 0)
        {
            Content.CopyTo(_bytes);
            _end -= _start;
            _start = 0;
        }

        return _bytes.AsSpan(_end);
    }

    /// <summary>So many bytes were put into <see cref="Room"/>.</summary>
    public void Added(int bytes) => _end += bytes;

    /// <summary>Removes the first bytes.</summary>
    public void Take(int bytes)
    {
        _start += bytes;
        if (_start == _end) _start = _end = 0;
    }
}
