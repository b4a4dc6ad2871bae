namespace VmBus.Memory.Guest;

/// <summary>A guest physical address in bytes.</summary>
public readonly record struct Gpa(ulong Value) : IComparable<Gpa>
{
    /// <summary>Bytes of one page as Hyper-V counts them, whatever the guest's own page size is.</summary>
    public const int PageBytes = 4096;

    /// <summary>The first byte of page <paramref name="pageNumber"/>. Page numbers from 2^52 on give the last address, which is never RAM.</summary>
    public static Gpa FromPage(ulong pageNumber)
        => pageNumber > ulong.MaxValue / PageBytes ? new(ulong.MaxValue) : new(pageNumber * PageBytes);

    /// <summary>
    /// The address <paramref name="bytes"/> further on; the last address, which is never RAM, where the sum would begin again at 0: an
    /// offset never leads from an address that does not exist to one that does.
    /// </summary>
    public static Gpa operator +(Gpa start, ulong bytes)
        => bytes > ulong.MaxValue - start.Value ? new(ulong.MaxValue) : new(start.Value + bytes);

    /// <inheritdoc/>
    public int CompareTo(Gpa other) => Value.CompareTo(other.Value);

    /// <summary>Whether the first address is lower.</summary>
    public static bool operator <(Gpa left, Gpa right) => left.Value < right.Value;

    /// <summary>Whether the first address is higher.</summary>
    public static bool operator >(Gpa left, Gpa right) => left.Value > right.Value;

    /// <summary>Whether the first address is not higher.</summary>
    public static bool operator <=(Gpa left, Gpa right) => left.Value <= right.Value;

    /// <summary>Whether the first address is not lower.</summary>
    public static bool operator >=(Gpa left, Gpa right) => left.Value >= right.Value;

    /// <inheritdoc/>
    public override string ToString() => $"0x{Value:x}";
}
