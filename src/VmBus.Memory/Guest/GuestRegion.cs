namespace VmBus.Memory.Guest;

/// <summary>
/// Bytes of guest RAM that lie on scattered pages, addressed by their offset as if they lay in one piece: a buffer that a guest shares.
/// </summary>
/// <remarks>
/// Costs 8 bytes a page; finding an offset costs the same wherever it lies. The guest may change the bytes at any time: they are copied
/// once and the copy is used, or go to the kernel. Every member may be called from any thread. How long the guest leaves the pages to the
/// host is the giver's to say.
/// </remarks>
public sealed class GuestRegion
{
    private readonly GuestMemory _memory;
    private readonly int _firstByte;
    private readonly ulong[] _pages;

    /// <summary>A region over pages in their order.</summary>
    /// <param name="memory">The RAM that the pages are in.</param>
    /// <param name="firstByte">Where in the first page the region begins, below 4096.</param>
    /// <param name="bytes">Length, above 0.</param>
    /// <param name="pages">At least the pages that the bytes touch.</param>
    /// <exception cref="ArgumentException">The pages do not hold the bytes, or one is not RAM.</exception>
    public GuestRegion(GuestMemory memory, int firstByte, long bytes, IReadOnlyList<PageRun> pages)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(pages);
        ArgumentOutOfRangeException.ThrowIfNegative(firstByte);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(firstByte, Gpa.PageBytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        _pages = [.. pages.SelectMany(run => Enumerable.Range(0, run.PageCount).Select(page => run.FirstPage + (ulong)page))];
        if (bytes > ((long)_pages.Length * Gpa.PageBytes) - firstByte || !_pages.All(page => memory.Contains(Gpa.FromPage(page), Gpa.PageBytes)))
            throw new ArgumentException("A region is made of pages of RAM that hold all of it.", nameof(pages));
        _memory = memory;
        _firstByte = firstByte;
        Bytes = bytes;
    }

    /// <summary>Length in bytes.</summary>
    public long Bytes { get; }

    /// <summary>Whether a range lies inside. Offset and length may be anything.</summary>
    public bool Contains(long offset, long bytes) => offset >= 0 && bytes >= 0 && bytes <= Bytes && offset <= Bytes - bytes;

    /// <summary>Copies bytes out. False, with <paramref name="destination"/> untouched, when not all of them are inside.</summary>
    public bool TryRead(long offset, Span<byte> destination)
    {
        if (!Contains(offset, destination.Length)) return false;
        while (!destination.IsEmpty)
        {
            Gpa start = Locate(offset, destination.Length, out int step);
            _ = _memory.TryRead(start, destination[..step]);
            destination = destination[step..];
            offset += step;
        }

        return true;
    }

    /// <summary>Copies bytes in. False, with nothing written, when not all of them would be inside.</summary>
    public bool TryWrite(long offset, ReadOnlySpan<byte> source)
    {
        if (!Contains(offset, source.Length)) return false;
        while (!source.IsEmpty)
        {
            Gpa start = Locate(offset, source.Length, out int step);
            _ = _memory.TryWrite(start, source[..step]);
            source = source[step..];
            offset += step;
        }

        return true;
    }

    /// <summary>Appends a range to a list for the kernel, in as few entries as the pages allow.</summary>
    /// <returns>False, with the list unchanged, when not all of it is inside or the list is at its maximum.</returns>
    public bool TryAddTo(IoVectorList list, long offset, int bytes)
    {
        if (!Contains(offset, bytes)) return false;
        long before = list.Bytes;
        while (bytes > 0)
        {
            if (!list.TryAdd(_memory, Locate(offset, bytes, out int step), step))
            {
                list.Truncate(before);
                return false;
            }

            bytes -= step;
            offset += step;
        }

        return true;
    }

    // The offset and the length were checked, so the page exists.
    private Gpa Locate(long offset, int bytes, out int step)
    {
        long position = _firstByte + offset;
        int inPage = (int)(position % Gpa.PageBytes);
        step = Math.Min(bytes, Gpa.PageBytes - inPage);
        return Gpa.FromPage(_pages[position / Gpa.PageBytes]) + (ulong)inPage;
    }
}
