using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Memory.Synic;

/// <summary>The bit of one monitor id in a monitor page, by which a guest tells its host of a channel without a hypercall.</summary>
/// <remarks>
/// Memory that both sides change: the guest sets the bit, the host clears it, each atomically. Any thread, while what the page lies in is mapped.
/// A default value has no page. Source: protocol-spec/synic.md#monitor-page.
/// </remarks>
public readonly unsafe struct MonitorTrigger
{
    /// <summary>Monitor ids: 0 to 127.</summary>
    public const int IdCount = 128;

    private const int FirstGroup = 8;
    private const int GroupBytes = 8;
    private const int GroupBits = 32;

    private readonly uint* _word;
    private readonly uint _bit;

    private MonitorTrigger(nint page, int id)
    {
        // SAFETY: callers have checked the id, so the word lies in the first 40 bytes of the page, 4-byte aligned.
        _word = (uint*)(page + FirstGroup + (id / GroupBits * GroupBytes));
        _bit = 1u << (id % GroupBits);
    }

    /// <summary>Finds the bit in a page of the guest's RAM: the host's end.</summary>
    /// <param name="memory">The RAM, which outlives this value.</param>
    /// <param name="page">The page that the guest has named.</param>
    /// <param name="id">The monitor id; the caller checks.</param>
    /// <param name="trigger">The bit.</param>
    /// <returns>False when the page is not RAM or not page aligned.</returns>
    public static bool TryOpen(GuestMemory memory, Gpa page, int id, out MonitorTrigger trigger)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)id, (uint)IdCount, nameof(id));
        trigger = default;
        if (page.Value % Gpa.PageBytes != 0 || !memory.TryGetHostAddress(page, Gpa.PageBytes, out nint address)) return false;
        trigger = new MonitorTrigger(address, id);
        return true;
    }

    /// <summary>Finds the bit in a page that is mapped here: the guest's end.</summary>
    /// <param name="page">The page, which outlives this value.</param>
    /// <param name="id">The monitor id; the caller checks.</param>
    /// <exception cref="ArgumentException">The mapping is no page.</exception>
    public static MonitorTrigger Of(MemoryMapping page, int id)
    {
        ArgumentNullException.ThrowIfNull(page);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)id, (uint)IdCount, nameof(id));
        if (page.Bytes < Gpa.PageBytes) throw new ArgumentException("A monitor page has 4096 bytes.", nameof(page));
        return new MonitorTrigger(page.Address, id);
    }

    /// <summary>Tells the host.</summary>
    // SAFETY: as in the constructor; whoever made this keeps the page mapped.
    public void Set() => _ = Interlocked.Or(ref *_word, _bit);

    /// <summary>Takes what the guest has told.</summary>
    /// <returns>True when the bit was set; it is clear now.</returns>
    public bool TryTake()
    {
        // SAFETY: as above. The plain look comes first: a page that is looked at all the time is not written to all the time.
        return (Volatile.Read(ref *_word) & _bit) != 0 && (Interlocked.And(ref *_word, ~_bit) & _bit) != 0;
    }
}
