namespace VmBus.Protocol.Exec;

/// <summary>Takes frames out of a stream's bytes as they come, in whatever pieces. One thread. Keeps room for two frames, whatever the other side says.</summary>
public sealed class ExecFrameReader
{
    private readonly byte[] _bytes = new byte[2 * (ExecFrameHeader.Size + ExecProtocol.MaximumPayloadBytes)];
    private int _start;
    private int _end;

    /// <summary>Whether bytes of a frame are here that is not whole.</summary>
    public bool IsWithinFrame => _end > _start;

    /// <summary>Room for what comes next, never empty. What <see cref="TryTake"/> gave before is not valid any more.</summary>
    /// <remarks>Call <see cref="TryTake"/> until it finds no whole frame first.</remarks>
    public Memory<byte> Room()
    {
        _bytes.AsSpan(_start, _end - _start).CopyTo(_bytes);
        _end -= _start;
        _start = 0;
        return _bytes.AsMemory(_end);
    }

    /// <summary>So many bytes were put into <see cref="Room"/>.</summary>
    public void Added(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)bytes, (uint)(_bytes.Length - _end), nameof(bytes));
        _end += bytes;
    }

    /// <summary>Takes the next frame.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="payload">Its payload, until the next <see cref="Room"/>.</param>
    public ExecFrameStatus TryTake(out byte type, out ReadOnlySpan<byte> payload)
    {
        type = 0;
        payload = default;
        ReadOnlySpan<byte> waiting = _bytes.AsSpan(_start, _end - _start);
        if (waiting.Length < ExecFrameHeader.Size) return ExecFrameStatus.Incomplete;
        if (!ExecFrameHeader.TryRead(waiting, out ExecFrameHeader header)) return ExecFrameStatus.Corrupt;
        if (waiting.Length - ExecFrameHeader.Size < header.Bytes) return ExecFrameStatus.Incomplete;
        type = header.Type;
        payload = waiting.Slice(ExecFrameHeader.Size, header.Bytes);
        _start += ExecFrameHeader.Size + header.Bytes;
        return ExecFrameStatus.Taken;
    }
}
