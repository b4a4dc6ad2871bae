using System.Buffers.Binary;

namespace VmBus.Machine.Boot;

/// <summary>A program header of a 64-bit ELF file. Source: System V ABI chapter 5.</summary>
internal readonly record struct ElfSegment(uint Type, ulong FileOffset, ulong PhysicalAddress, ulong FileBytes, ulong MemoryBytes)
{
    /// <summary>Reads a header of 56 bytes.</summary>
    internal static ElfSegment Read(ReadOnlySpan<byte> header) => new(
        BinaryPrimitives.ReadUInt32LittleEndian(header),
        BinaryPrimitives.ReadUInt64LittleEndian(header[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(header[24..]),
        BinaryPrimitives.ReadUInt64LittleEndian(header[32..]),
        BinaryPrimitives.ReadUInt64LittleEndian(header[40..]));
}
