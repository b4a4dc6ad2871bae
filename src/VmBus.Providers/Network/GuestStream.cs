using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.Network;

/// <summary>The bytes of one message: a piece of the send buffer, then ranges of guest pages. Used again from message to message.</summary>
internal sealed class GuestStream(GuestMemory memory)
{
    /// <summary>Pieces of one message at most: 64 KiB on single pages, headers apart, with room to spare.</summary>
    public const int MaximumPieces = 64;

    private readonly Piece[] _pieces = new Piece[MaximumPieces];
    private GuestRegion? _region;
    private int _count;

    public int Bytes { get; private set; }

    public void Clear()
    {
        _count = 0;
        _region = null;
        Bytes = 0;
    }

    /// <summary>Begins with a piece of the send buffer, which was checked to lie inside.</summary>
    public void AddSection(GuestRegion region, long offset, int bytes)
    {
        if (bytes == 0) return;
        _region = region;
        _pieces[_count++] = new Piece(true, (ulong)offset, bytes);
        Bytes += bytes;
    }

    /// <summary>Appends the ranges of a GPA-direct header. False when they are malformed, too many, too long, or not RAM.</summary>
    public bool TryAddRanges(ReadOnlySpan<byte> header, int maximumBytes)
    {
        if (!GpaRange.TryReadCount(ref header, out uint count)) return false;
        for (uint i = 0; i < count; i++)
        {
            if (!GpaRange.TryRead(ref header, out GpaRange range) || range.Bytes > maximumBytes - Bytes) return false;
            int offset = range.Offset;
            int left = range.Bytes;
            for (int page = 0; left > 0; page++)
            {
                int step = Math.Min(left, Gpa.PageBytes - offset);
                if (!TryAdd(Gpa.FromPage(range.Page(page)) + (ulong)offset, step)) return false;
                left -= step;
                offset = 0;
            }
        }

        return true;
    }

    /// <summary>Copies bytes out. False when there are not so many.</summary>
    public bool TryRead(int offset, Span<byte> destination)
    {
        if (offset < 0 || offset > Bytes - destination.Length) return false;
        for (int i = 0; !destination.IsEmpty; i++)
        {
            Piece piece = _pieces[i];
            if (offset >= piece.Bytes)
            {
                offset -= piece.Bytes;
                continue;
            }

            int step = Math.Min(destination.Length, piece.Bytes - offset);
            ulong start = piece.Start + (ulong)offset;
            bool read = piece.IsSection ? _region!.TryRead((long)start, destination[..step]) : memory.TryRead(new Gpa(start), destination[..step]);
            if (!read) return false;
            destination = destination[step..];
            offset = 0;
        }

        return true;
    }

    /// <summary>Appends bytes to a frame. False when there are not so many, or when the frame has no room for the pieces.</summary>
    public bool TryAddTo(FrameBuffer frame, int offset, int bytes)
    {
        if (offset < 0 || bytes < 0 || offset > Bytes - bytes) return false;
        for (int i = 0; bytes > 0; i++)
        {
            Piece piece = _pieces[i];
            if (offset >= piece.Bytes)
            {
                offset -= piece.Bytes;
                continue;
            }

            int step = Math.Min(bytes, piece.Bytes - offset);
            ulong start = piece.Start + (ulong)offset;
            if (!(piece.IsSection ? _region!.TryAddTo(frame.Data, (long)start, step) : frame.TryAdd(memory, new Gpa(start), step))) return false;
            bytes -= step;
            offset = 0;
        }

        return true;
    }

    private bool TryAdd(Gpa start, int bytes)
    {
        if (!memory.Contains(start, (ulong)bytes)) return false;
        Bytes += bytes;
        if (_count > 0 && _pieces[_count - 1] is { IsSection: false } last && last.Start + (ulong)last.Bytes == start.Value
            && memory.Contains(new Gpa(last.Start), (ulong)(last.Bytes + bytes)))
        {
            _pieces[_count - 1] = last with { Bytes = last.Bytes + bytes };
            return true;
        }

        if (_count == MaximumPieces) return false;
        _pieces[_count++] = new Piece(false, start.Value, bytes);
        return true;
    }

    private readonly record struct Piece(bool IsSection, ulong Start, int Bytes);
}
