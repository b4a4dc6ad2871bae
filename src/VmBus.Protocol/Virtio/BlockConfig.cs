using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Virtio;

/// <summary>Configuration space of a block device: 60 bytes, little-endian.</summary>
/// <remarks>Source: virtio 1.3, 5.2.4; protocol-spec/virtio.md#block-configuration.</remarks>
public readonly record struct BlockConfig
{
    /// <summary>Bytes up to the last field that is offered.</summary>
    public const int Size = 60;

    /// <summary>Unit of <see cref="Sectors"/>, of request addresses and of discard limits, whatever the block size is.</summary>
    public const int SectorBytes = 512;

    /// <summary>Offset of the only field that a driver writes.</summary>
    public const int WriteBackOffset = 32;

    /// <summary>Offset of <see cref="QueueCount"/>.</summary>
    public const int QueueCountOffset = 34;

    /// <summary>Capacity in units of 512 bytes.</summary>
    public ulong Sectors { get; init; }

    /// <summary>Most bytes of a data segment; 0 for not said.</summary>
    public uint MaximumSegmentBytes { get; init; }

    /// <summary>Most data segments of a request.</summary>
    public uint MaximumSegments { get; init; }

    /// <summary>Logical block in bytes.</summary>
    public uint BlockBytes { get; init; }

    /// <summary>Logical blocks of a physical one, as a power of two.</summary>
    public byte PhysicalBlockExponent { get; init; }

    /// <summary>Smallest preferred transfer in logical blocks.</summary>
    public ushort MinimumIoBlocks { get; init; }

    /// <summary>Best transfer in logical blocks; 0 for not said.</summary>
    public uint OptimalIoBlocks { get; init; }

    /// <summary>1 for write-back, 0 for write-through.</summary>
    public byte WriteBack { get; init; }

    /// <summary>Request queues.</summary>
    public ushort QueueCount { get; init; }

    /// <summary>Most sectors of a discard segment.</summary>
    public uint MaximumDiscardSectors { get; init; }

    /// <summary>Most segments of a discard.</summary>
    public uint MaximumDiscardSegments { get; init; }

    /// <summary>Sectors that discards are best aligned to.</summary>
    public uint DiscardAlignmentSectors { get; init; }

    /// <summary>Most sectors of a segment to be zeroed.</summary>
    public uint MaximumZeroSectors { get; init; }

    /// <summary>Most segments of a request to write zeroes.</summary>
    public uint MaximumZeroSegments { get; init; }

    /// <summary>1 when writing zeroes may free the space.</summary>
    public byte ZeroMayUnmap { get; init; }

    /// <summary>Reads it. False when short.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out BlockConfig value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new BlockConfig
        {
            Sectors = ReadUInt64LittleEndian(source),
            MaximumSegmentBytes = ReadUInt32LittleEndian(source[8..]),
            MaximumSegments = ReadUInt32LittleEndian(source[12..]),
            BlockBytes = ReadUInt32LittleEndian(source[20..]),
            PhysicalBlockExponent = source[24],
            MinimumIoBlocks = ReadUInt16LittleEndian(source[26..]),
            OptimalIoBlocks = ReadUInt32LittleEndian(source[28..]),
            WriteBack = source[WriteBackOffset],
            QueueCount = ReadUInt16LittleEndian(source[QueueCountOffset..]),
            MaximumDiscardSectors = ReadUInt32LittleEndian(source[36..]),
            MaximumDiscardSegments = ReadUInt32LittleEndian(source[40..]),
            DiscardAlignmentSectors = ReadUInt32LittleEndian(source[44..]),
            MaximumZeroSectors = ReadUInt32LittleEndian(source[48..]),
            MaximumZeroSegments = ReadUInt32LittleEndian(source[52..]),
            ZeroMayUnmap = source[56],
        };
        return true;
    }

    /// <summary>Writes all <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> target)
    {
        target = target[..Size];
        target.Clear();
        WriteUInt64LittleEndian(target, Sectors);
        WriteUInt32LittleEndian(target[8..], MaximumSegmentBytes);
        WriteUInt32LittleEndian(target[12..], MaximumSegments);
        WriteUInt32LittleEndian(target[20..], BlockBytes);
        target[24] = PhysicalBlockExponent;
        WriteUInt16LittleEndian(target[26..], MinimumIoBlocks);
        WriteUInt32LittleEndian(target[28..], OptimalIoBlocks);
        target[WriteBackOffset] = WriteBack;
        WriteUInt16LittleEndian(target[QueueCountOffset..], QueueCount);
        WriteUInt32LittleEndian(target[36..], MaximumDiscardSectors);
        WriteUInt32LittleEndian(target[40..], MaximumDiscardSegments);
        WriteUInt32LittleEndian(target[44..], DiscardAlignmentSectors);
        WriteUInt32LittleEndian(target[48..], MaximumZeroSectors);
        WriteUInt32LittleEndian(target[52..], MaximumZeroSegments);
        target[56] = ZeroMayUnmap;
    }
}
