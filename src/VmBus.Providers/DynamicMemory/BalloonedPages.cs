using System.Numerics;
using VmBus.Memory.Guest;
using VmBus.Protocol.DynamicMemory;

namespace VmBus.Providers.DynamicMemory;

/// <summary>Which pages the guest has given back: one bit a page, so that no guest can make it larger. One thread at a time.</summary>
internal sealed class BalloonedPages(IMemorySource memory)
{
    private const int BitsPerWord = 64;

    private readonly ulong[] _words = new ulong[((memory.MaximumBytes / Gpa.PageBytes) + BitsPerWord - 1) / BitsPerWord];

    /// <summary>Pages in it.</summary>
    public long Count { get; private set; }

    /// <summary>Adds pages.</summary>
    /// <returns>False, with nothing added, when any of them is in it already, or is not RAM.</returns>
    public bool TryAdd(PageRun pages)
    {
        if (pages.PageCount <= 0 || !memory.TryGetIndex(pages, out long first)) return false;
        for (long index = first; index < first + pages.PageCount; index++)
        {
            if (IsIn(index)) return false;
        }

        for (long index = first; index < first + pages.PageCount; index++) _words[index / BitsPerWord] |= Bit(index);
        Count += pages.PageCount;
        return true;
    }

    /// <summary>Takes pages out, lowest first.</summary>
    /// <param name="ranges">Gets them.</param>
    /// <param name="maximumPages">How many at most.</param>
    /// <returns>Ranges that were written.</returns>
    public int Take(Span<PageRange> ranges, long maximumPages)
    {
        int count = 0;
        for (long index = Next(0); index >= 0 && count < ranges.Length && maximumPages > 0; index = Next(index))
        {
            long end = index;
            while (end - index < Math.Min(maximumPages, PageRange.MaximumPages) && IsIn(end)) end++;
            PageRun run = memory.PagesAt(index, (int)(end - index));
            for (long taken = index; taken < index + run.PageCount; taken++) _words[taken / BitsPerWord] &= ~Bit(taken);
            Count -= run.PageCount;
            maximumPages -= run.PageCount;
            ranges[count++] = new PageRange(run.FirstPage, (uint)run.PageCount);
        }

        return count;
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        Array.Clear(_words);
        Count = 0;
    }

    private static ulong Bit(long index) => 1UL << (int)(index % BitsPerWord);

    private bool IsIn(long index) => index / BitsPerWord < _words.Length && (_words[index / BitsPerWord] & Bit(index)) != 0;

    private long Next(long from)
    {
        for (long word = from / BitsPerWord; word < _words.Length; word++)
        {
            if (_words[word] != 0) return (word * BitsPerWord) + BitOperations.TrailingZeroCount(_words[word]);
        }

        return -1;
    }
}
