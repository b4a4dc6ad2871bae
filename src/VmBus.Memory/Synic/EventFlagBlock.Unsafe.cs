using VmBus.Memory.Guest;

namespace VmBus.Memory.Synic;

/// <summary>The 2048 event flags of one synthetic interrupt source in a guest's event flag page (SIEFP).</summary>
/// <remarks>
/// Guest memory that both sides change: the guest tests and clears bits, the host sets them, each atomically. Any thread, while the guest
/// memory is not disposed and the page is the one the guest chose. A default value has no page. Source: protocol-spec/synic.md#event-flags.
/// </remarks>
public readonly unsafe struct EventFlagBlock
{
    /// <summary>Flags of one source.</summary>
    public const int FlagCount = 2048;

    /// <summary>32-bit words that hold them.</summary>
    public const int WordCount = FlagCount / 32;

    private const int BlockBytes = FlagCount / 8;

    private readonly uint* _words;

    private EventFlagBlock(uint* words) => _words = words;

    /// <summary>Whether there is a page behind this value.</summary>
    public bool Exists => _words != null;

    /// <summary>Finds the block of <paramref name="source"/> (0 to 15) in the page at <paramref name="page"/>.</summary>
    /// <returns>False when the page is not RAM or not page aligned.</returns>
    public static bool TryOpen(GuestMemory memory, Gpa page, int source, out EventFlagBlock block)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)source, 15u, nameof(source));
        block = default;
        if (page.Value % Gpa.PageBytes != 0 || !memory.TryGetHostAddress(page, Gpa.PageBytes, out nint address)) return false;
        // SAFETY: the whole page was checked against guest RAM; block 15 ends with it.
        block = new EventFlagBlock((uint*)(address + (source * BlockBytes)));
        return true;
    }

    /// <summary>Sets a flag.</summary>
    /// <param name="flag">0 to 2047; the caller checks.</param>
    /// <returns>True when it was clear: the guest needs an interrupt to see it.</returns>
    public bool Set(uint flag)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(flag, (uint)FlagCount);
        uint bit = 1u << (int)(flag % 32);
        // SAFETY: the flag was checked against the block, which lies inside guest RAM and is 4-byte aligned.
        return (Interlocked.Or(ref _words[flag / 32], bit) & bit) == 0;
    }

    /// <summary>Sets every flag that is set in <paramref name="words"/> (<see cref="WordCount"/> of them).</summary>
    public void Merge(ReadOnlySpan<uint> words)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(words.Length, WordCount, nameof(words));
        for (int i = 0; i < WordCount; i++)
        {
            // SAFETY: i is below the block's word count.
            if (words[i] != 0) Interlocked.Or(ref _words[i], words[i]);
        }
    }

    /// <summary>Whether any flag is set.</summary>
    public bool Any()
    {
        uint all = 0;
        // SAFETY: i is below the block's word count.
        for (int i = 0; i < WordCount; i++) all |= Volatile.Read(ref _words[i]);
        return all != 0;
    }
}
