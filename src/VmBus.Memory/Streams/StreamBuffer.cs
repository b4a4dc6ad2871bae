using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Memory.Streams;

/// <summary>Bytes under way to or from a non-blocking stream: added at the end, taken from the front. One thread at a time.</summary>
/// <remarks>Fixed in size; what it holds moves to the front when the room behind it runs out.</remarks>
public sealed class StreamBuffer : IDisposable
{
    private readonly BounceBuffer _buffer;
    private readonly IoVectorList _vector = new(1, 1);
    private readonly int _headroom;
    private int _start;
    private int _end;

    /// <summary>An empty buffer.</summary>
    /// <param name="bytes">What it holds at most.</param>
    /// <param name="headroom">Bytes that are always free in front of what it holds, for a header (see <see cref="TakeWithHeadroom"/>).</param>
    public StreamBuffer(int bytes, int headroom = 0)
    {
        _buffer = new BounceBuffer(headroom + bytes);
        _headroom = _start = _end = headroom;
    }

    /// <summary>Bytes that it holds.</summary>
    public int Count => _end - _start;

    /// <summary>Bytes that may still be added.</summary>
    public int Room => _buffer.Bytes - _headroom - Count;

    /// <summary>Adds bytes.</summary>
    /// <returns>False, with nothing added, when there is no room for all of them.</returns>
    public bool TryAdd(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > Room) return false;
        bytes.CopyTo(Append(bytes.Length));
        return true;
    }

    /// <summary>Adds bytes that the caller writes, into what it gets and before the buffer's next use.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no room for as many.</exception>
    public Span<byte> Append(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Room);
        if (bytes > _buffer.Bytes - _end) MoveToFront();
        Span<byte> added = _buffer.Data.Slice(_end, bytes);
        _end += bytes;
        return added;
    }

    /// <summary>Takes bytes from the front, with the headroom before them; both may be written to until the buffer's next use.</summary>
    public Span<byte> TakeWithHeadroom(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Count);
        Span<byte> taken = _buffer.Data.Slice(_start - _headroom, _headroom + bytes);
        _start += bytes;
        return taken;
    }

    /// <summary>Puts back what <see cref="TakeWithHeadroom"/> has just taken.</summary>
    public void Return(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, _start - _headroom);
        _start -= bytes;
    }

    /// <summary>Reads as much as there is room for, and something to read.</summary>
    /// <returns>Bytes read, 0 at the stream's end, or negative errno. EAGAIN also when there is no room.</returns>
    public int ReadFrom(LinuxFile stream)
    {
        MoveToFront();
        if (_end == _buffer.Bytes) return -Errno.EAGAIN;
        int result = LinuxFile.Read(stream, Describe(_end, _buffer.Bytes), 1, -1, 0);
        _end += Math.Max(0, result);
        return result;
    }

    /// <summary>Writes as much as the stream takes, and forgets it.</summary>
    /// <returns>Bytes written, or negative errno.</returns>
    public int WriteTo(LinuxFile stream)
    {
        if (Count == 0) return 0;
        int result = LinuxFile.Write(stream, Describe(_start, _end), 1, -1, 0);
        _start += Math.Max(0, result);
        return result;
    }

    /// <summary>Forgets what it holds.</summary>
    public void Clear() => _start = _end = _headroom;

    /// <inheritdoc/>
    public void Dispose()
    {
        _buffer.Dispose();
        _vector.Dispose();
    }

    private void MoveToFront()
    {
        if (_start == _headroom) return;
        _buffer.Data[_start.._end].CopyTo(_buffer.Data[_headroom..]);
        _end -= _start - _headroom;
        _start = _headroom;
    }

    private nint Describe(int start, int end)
    {
        _vector.Clear();
        _ = _vector.TryAdd(_buffer, end);
        _vector.Advance(start);
        return _vector.Address;
    }
}
