using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Virtio.Balloon;

/// <summary>Which pages of the guest are in its balloon: one bit a page, so that no driver can make it larger. One thread at a time.</summary>
internal sealed class BalloonPages(GuestMemory memory)
{
    private const int BitsPerWord = 64;

    private readonly ulong[] _words = new ulong[((memory.Bytes / Gpa.PageBytes) + BitsPerWord - 1) / BitsPerWord];

    /// <summary>Pages in it.</summary>
    public long Count { get; private set; }

    /// <summary>Puts pages in and gives them to the host. Those that are no RAM, or in it already, change nothing.</summary>
    /// <param name="pages">Their numbers, which are sorted here.</param>
    public void Add(Span<uint> pages)
    {
        // Drivers name pages in any order; neighbours are one call of the kernel.
        pages.Sort();
        int first = 0;
        while (first < pages.Length)
        {
            int end = first + 1;
            if (!TrySet(pages[first]))
            {
                first++;
                continue;
            }

            while (end < pages.Length && pages[end] == pages[end - 1] + 1 && TrySet(pages[end])) end++;
            Discard(memory, Gpa.FromPage(pages[first]), (ulong)(end - first) * Gpa.PageBytes);
            first = end;
        }
    }

    /// <summary>Takes pages out; the driver may use them. Those that are not in it change nothing.</summary>
    public void Take(ReadOnlySpan<uint> pages)
    {
        foreach (uint page in pages)
        {
            if (!TryGetIndex(page, out long index) || !IsIn(index)) continue;
            _words[index / BitsPerWord] &= ~Bit(index);
            Count--;
        }
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        Array.Clear(_words);
        Count = 0;
    }

    /// <summary>Gives pages to the host, as far as they are RAM; where the host refuses the guest keeps what it has.</summary>
    public static void Discard(GuestMemory memory, Gpa start, ulong bytes)
    {
        try
        {
            _ = memory.TryDiscard(start, bytes);
        }
        catch (LinuxException)
        {
            // Nothing is wrong for the guest, and the host is not out of memory for it.
        }
    }

    private static ulong Bit(long index) => 1UL << (int)(index % BitsPerWord);

    private bool TrySet(uint page)
    {
        if (!TryGetIndex(page, out long index) || IsIn(index)) return false;
        _words[index / BitsPerWord] |= Bit(index);
        Count++;
        return true;
    }

    private bool IsIn(long index) => (_words[index / BitsPerWord] & Bit(index)) != 0;

    // Memory that was added later has no place here.
    private bool TryGetIndex(uint page, out long index)
    {
        bool found = memory.TryGetFileOffset(Gpa.FromPage(page), Gpa.PageBytes, out long offset);
        index = offset / Gpa.PageBytes;
        return found && (ulong)offset < memory.Bytes;
    }
}
