using VmBus.Memory.Guest;

namespace VmBus.Virtio.Queues;

/// <summary>One request of a driver: the pieces of memory that the device reads, then those that it writes. Reused from request to request.</summary>
/// <remarks>
/// The descriptors were copied once when the chain was taken, so the guest cannot change it any more; where they point may still be no memory,
/// which each access tells. One thread. Nothing is allocated once it has had its longest chain.
/// </remarks>
public sealed class DescriptorChain
{
    /// <summary>Most descriptors of a chain: what Linux and Windows build at most (1022 data pieces in an indirect table), rounded up.</summary>
    public const int MaximumPieces = 1026;

    private const int CommonPieces = 20;

    private Piece[] _pieces = new Piece[CommonPieces];
    private int _count;
    private int _readableCount;

    /// <summary>By which the driver knows the chain.</summary>
    public ushort Id { get; internal set; }

    /// <summary>Bytes that the device reads.</summary>
    public long ReadableBytes { get; private set; }

    /// <summary>Bytes that the device may write.</summary>
    public long WritableBytes { get; private set; }

    /// <summary>Descriptors of the chain.</summary>
    public int PieceCount => _count;

    /// <summary>Descriptors that it has in a packed ring itself.</summary>
    internal int RingSlots { get; set; }

    /// <summary>Copies bytes of the readable part.</summary>
    /// <returns>False when not all of them are there, or one is no memory; then the destination may have been written in part.</returns>
    public bool TryRead(IDeviceMemory memory, long offset, Span<byte> destination)
    {
        if (offset > ReadableBytes - destination.Length) return false;
        for (int i = 0; i < _readableCount && !destination.IsEmpty; i++)
        {
            ref readonly Piece piece = ref _pieces[i];
            if (offset >= piece.Bytes)
            {
                offset -= piece.Bytes;
                continue;
            }

            int step = (int)Math.Min(piece.Bytes - offset, destination.Length);
            if (!GuestCopy.TryRead(memory, piece.Start + (ulong)offset, destination[..step])) return false;
            destination = destination[step..];
            offset = 0;
        }

        return true;
    }

    /// <summary>Copies bytes into the writable part.</summary>
    /// <returns>False when there is not as much room, or a byte is no memory; then some may have been written.</returns>
    public bool TryWrite(IDeviceMemory memory, long offset, ReadOnlySpan<byte> source)
    {
        if (offset > WritableBytes - source.Length) return false;
        for (int i = _readableCount; i < _count && !source.IsEmpty; i++)
        {
            ref readonly Piece piece = ref _pieces[i];
            if (offset >= piece.Bytes)
            {
                offset -= piece.Bytes;
                continue;
            }

            int step = (int)Math.Min(piece.Bytes - offset, source.Length);
            if (!GuestCopy.TryWrite(memory, piece.Start + (ulong)offset, source[..step])) return false;
            source = source[step..];
            offset = 0;
        }

        return true;
    }

    /// <summary>The first bytes of the writable part, to be written in place; empty when they are not in one piece, or no memory.</summary>
    public Span<byte> FindWritable(IDeviceMemory memory, int bytes)
        => _readableCount < _count && bytes <= _pieces[_readableCount].Bytes ? GuestCopy.FindWhole(memory, _pieces[_readableCount].Start, bytes) : default;

    /// <summary>Appends a range of the readable part to a list for the kernel.</summary>
    /// <returns>False, with the list as it was, when not all of it is there, or is no memory, or does not fit the list.</returns>
    public bool TryAddReadable(IoVectorList list, IDeviceMemory memory, long offset, long bytes)
        => offset <= ReadableBytes - bytes && TryAdd(list, memory, 0, _readableCount, offset, bytes);

    /// <summary>Appends a range of the writable part to a list for the kernel.</summary>
    /// <returns>False, with the list as it was, when not all of it is there, or is no memory, or does not fit the list.</returns>
    public bool TryAddWritable(IoVectorList list, IDeviceMemory memory, long offset, long bytes)
        => offset <= WritableBytes - bytes && TryAdd(list, memory, _readableCount, _count, offset, bytes);

    /// <summary>A piece of the writable part, for a device that means the memory itself and not its bytes.</summary>
    /// <param name="index">Which, from 0 on.</param>
    /// <param name="start">Where it begins, which may be no memory.</param>
    /// <param name="bytes">Its length.</param>
    /// <returns>False when there are not as many.</returns>
    public bool TryGetWritable(int index, out Gpa start, out uint bytes)
    {
        bool found = index < _count - _readableCount;
        (start, bytes) = found ? (_pieces[_readableCount + index].Start, _pieces[_readableCount + index].Bytes) : default;
        return found;
    }

    /// <summary>Tells a log of the first bytes of the writable part.</summary>
    internal void LogWritten(DirtyLog log, long bytes)
    {
        for (int i = _readableCount; i < _count && bytes > 0; i++)
        {
            long step = Math.Min(_pieces[i].Bytes, bytes);
            log.Mark(_pieces[i].Start, step);
            bytes -= step;
        }
    }

    /// <summary>Begins a chain.</summary>
    internal void Begin(ushort id)
    {
        Id = id;
        _count = _readableCount = 0;
        ReadableBytes = WritableBytes = 0;
    }

    /// <summary>Adds a descriptor.</summary>
    /// <returns>False when the chain is longer than any driver makes, or a readable piece follows a writable one.</returns>
    internal bool TryAdd(ulong address, uint bytes, bool writable)
    {
        if (_count == MaximumPieces || (!writable && _count > _readableCount)) return false;
        if (_count == _pieces.Length) Array.Resize(ref _pieces, Math.Min(MaximumPieces, _pieces.Length * 4));
        _pieces[_count++] = new Piece(new Gpa(address), bytes);
        if (writable)
        {
            WritableBytes += bytes;
        }
        else
        {
            _readableCount = _count;
            ReadableBytes += bytes;
        }

        return true;
    }

    private bool TryAdd(IoVectorList list, IDeviceMemory memory, int first, int end, long offset, long bytes)
    {
        long before = list.Bytes;
        for (int i = first; i < end && bytes > 0; i++)
        {
            ref readonly Piece piece = ref _pieces[i];
            if (offset >= piece.Bytes)
            {
                offset -= piece.Bytes;
                continue;
            }

            long step = Math.Min(piece.Bytes - offset, bytes);
            if (!list.TryAdd(memory, piece.Start + (ulong)offset, step))
            {
                list.Truncate(before);
                return false;
            }

            bytes -= step;
            offset = 0;
        }

        return true;
    }

    private readonly record struct Piece(Gpa Start, uint Bytes);
}
