using VmBus.Memory.Guest;

namespace VmBus.Client.Channels;

/// <summary>Pages of the guest's RAM for rings and buffers. One thread at a time.</summary>
public sealed class PagePool
{
    // In order of address, never adjacent.
    private readonly List<PageRun> _free = [];

    /// <summary>Everything from a page on is free.</summary>
    /// <param name="memory">The RAM.</param>
    /// <param name="firstPage">The first page that may be given out.</param>
    public PagePool(GuestMemory memory, ulong firstPage)
    {
        ArgumentNullException.ThrowIfNull(memory);
        foreach (MemoryRegion region in memory.Regions)
        {
            ulong start = Math.Max(region.Start.Value / Gpa.PageBytes, firstPage);
            ulong end = (region.Start.Value + region.Bytes) / Gpa.PageBytes;
            if (start < end) _free.Add(new PageRun(start, (int)Math.Min(end - start, int.MaxValue)));
        }
    }

    /// <summary>Takes consecutive pages, with whatever is in them.</summary>
    /// <returns>False when there are not so many in a row.</returns>
    public bool TryTake(int count, out PageRun pages)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        pages = default;
        int index = _free.FindIndex(run => run.PageCount >= count);
        if (index < 0) return false;
        PageRun found = _free[index];
        pages = found with { PageCount = count };
        if (found.PageCount == count) _free.RemoveAt(index);
        else _free[index] = new PageRun(found.FirstPage + (ulong)count, found.PageCount - count);
        return true;
    }

    /// <summary>Gives pages back.</summary>
    public void Return(PageRun pages)
    {
        int index = _free.FindIndex(run => run.FirstPage > pages.FirstPage);
        if (index < 0) index = _free.Count;
        _free.Insert(index, pages);
        Merge(index);
        if (index > 0) Merge(index - 1);
    }

    private void Merge(int index)
    {
        if (index + 1 >= _free.Count) return;
        (PageRun left, PageRun right) = (_free[index], _free[index + 1]);
        if (left.FirstPage + (ulong)left.PageCount != right.FirstPage) return;
        _free[index] = left with { PageCount = left.PageCount + right.PageCount };
        _free.RemoveAt(index + 1);
    }
}
