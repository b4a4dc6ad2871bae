using VmBus.Memory.Guest;

namespace VmBus.Bus.Gpadls;

/// <summary>Guest memory that the guest has described by page numbers, all of them RAM.</summary>
/// <remarks>Two arrays whatever the guest describes, since it may hold half a million ranges of one page.</remarks>
internal sealed class Gpadl(uint channelId, uint id, GpadlRange[] ranges, PageRun[] pages, int pageCount)
{
    public uint ChannelId { get; } = channelId;

    public uint Id { get; } = id;

    public IReadOnlyList<GpadlRange> Ranges { get; } = ranges;

    /// <summary>The pages of all ranges, in order.</summary>
    public IReadOnlyList<PageRun> Pages { get; } = pages;

    public int PageCount { get; } = pageCount;

    /// <summary>A channel has its rings in it, or its device uses it: a teardown waits.</summary>
    public bool IsInUse { get; set; }

    /// <summary>The guest has asked for it back while it was in use.</summary>
    public bool IsTeardownPending { get; set; }

    /// <summary>Splits a ring GPADL into the guest's ring and the host's.</summary>
    /// <returns>False unless it is one range of whole pages and both rings have at least two.</returns>
    public bool TrySplit(uint downstreamPageOffset, out IReadOnlyList<PageRun> fromGuest, out IReadOnlyList<PageRun> toGuest)
    {
        fromGuest = toGuest = [];
        if (Ranges.Count != 1 || Ranges[0].ByteOffset != 0 || Ranges[0].ByteCount % Gpa.PageBytes != 0) return false;
        if (downstreamPageOffset < 2 || downstreamPageOffset > PageCount - 2) return false;
        fromGuest = Slice(Pages, 0, (int)downstreamPageOffset);
        toGuest = Slice(Pages, (int)downstreamPageOffset, PageCount - (int)downstreamPageOffset);
        return true;
    }

    private static List<PageRun> Slice(IReadOnlyList<PageRun> runs, int skip, int count)
    {
        var slice = new List<PageRun>();
        foreach (PageRun run in runs)
        {
            int usable = run.PageCount - skip;
            if (usable > 0 && count > 0)
            {
                int taken = Math.Min(usable, count);
                slice.Add(new PageRun(run.FirstPage + (ulong)skip, taken));
                count -= taken;
            }

            skip = Math.Max(0, -usable);
        }

        return slice;
    }
}

/// <summary>One range of a GPADL: bytes that begin within the first of its pages.</summary>
/// <param name="ByteOffset">Where they begin in the first page.</param>
/// <param name="ByteCount">How many they are.</param>
/// <param name="FirstRun">Where the pages begin in <see cref="Gpadl.Pages"/>.</param>
/// <param name="RunCount">How many runs they are.</param>
internal readonly record struct GpadlRange(uint ByteOffset, uint ByteCount, int FirstRun, int RunCount);
