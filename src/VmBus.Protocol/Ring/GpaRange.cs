using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Ring;

/// <summary>One guest buffer in the header of a GPA-direct packet: a length, where it begins in its first page, and its pages.</summary>
/// <remarks>
/// [0) length u32 · [4) offset u32 · [8) page numbers u64 × ceil((offset + length) / 4096). Source: protocol-spec/ring.md#gpa-direct-header.
/// </remarks>
public readonly ref struct GpaRange
{
    /// <summary>Bytes before the page numbers.</summary>
    public const int FixedBytes = 8;

    /// <summary>Bytes of the GPA-direct header before the first range: a reserved word, which may hold junk, and the number of ranges.</summary>
    public const int HeaderBytes = 8;

    private const int PageBytes = 4096;
    private readonly ReadOnlySpan<byte> _pages;

    private GpaRange(int bytes, int offset, ReadOnlySpan<byte> pages)
    {
        Bytes = bytes;
        Offset = offset;
        _pages = pages;
    }

    /// <summary>Length of the buffer.</summary>
    public int Bytes { get; }

    /// <summary>Where it begins in its first page, below 4096.</summary>
    public int Offset { get; }

    /// <summary>Pages that it touches.</summary>
    public int PageCount => _pages.Length / sizeof(ulong);

    /// <summary>One page number; any value may arrive.</summary>
    public ulong Page(int index) => ReadUInt64LittleEndian(_pages[(index * sizeof(ulong))..]);

    /// <summary>Reads the number of ranges, and moves <paramref name="header"/> to the first. Never throws.</summary>
    /// <param name="header">The packet's header after its descriptor.</param>
    /// <param name="count">Ranges that the guest says follow; nothing is known of them yet.</param>
    public static bool TryReadCount(ref ReadOnlySpan<byte> header, out uint count)
    {
        count = 0;
        if (header.Length < HeaderBytes) return false;
        count = ReadUInt32LittleEndian(header[4..]);
        header = header[HeaderBytes..];
        return true;
    }

    /// <summary>Reads one range, and moves <paramref name="header"/> behind it. Never throws.</summary>
    /// <returns>False when the offset is outside the first page, or when the page numbers are not all there.</returns>
    public static bool TryRead(ref ReadOnlySpan<byte> header, out GpaRange range)
    {
        range = default;
        if (header.Length < FixedBytes) return false;
        uint bytes = ReadUInt32LittleEndian(header);
        uint offset = ReadUInt32LittleEndian(header[4..]);
        if (offset >= PageBytes || bytes > int.MaxValue) return false;
        ulong pages = ((ulong)offset + bytes + PageBytes - 1) / PageBytes;
        if (pages > (ulong)(header.Length - FixedBytes) / sizeof(ulong)) return false;
        int pageBytes = (int)pages * sizeof(ulong);
        range = new GpaRange((int)bytes, (int)offset, header.Slice(FixedBytes, pageBytes));
        header = header[(FixedBytes + pageBytes)..];
        return true;
    }
}
