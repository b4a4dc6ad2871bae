using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.DynamicMemory;

/// <summary>Pages in a row. Source: protocol-spec/dynamic-memory.md#page-range.</summary>
/// <param name="FirstPage">Guest page number, below 2^40.</param>
/// <param name="PageCount">Below 2^24.</param>
public readonly record struct PageRange(ulong FirstPage, uint PageCount)
{
    /// <summary>Bytes of a range.</summary>
    public const int Size = 8;

    /// <summary>Pages of a range at most.</summary>
    public const uint MaximumPages = (1u << 24) - 1;

    private const int CountShift = 40;

    /// <summary>Reads a range.</summary>
    public static PageRange Read(ReadOnlySpan<byte> bytes)
    {
        ulong word = ReadUInt64LittleEndian(bytes);
        return new(word & ((1UL << CountShift) - 1), (uint)(word >> CountShift));
    }

    /// <summary>Writes the range.</summary>
    public void Write(Span<byte> bytes) => WriteUInt64LittleEndian(bytes, FirstPage | ((ulong)PageCount << CountShift));
}
