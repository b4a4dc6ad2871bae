using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Virtio;

/// <summary>What a block request asks for; guests may say anything. Source: virtio 1.3, 5.2.6.</summary>
public enum BlockRequestType : uint
{
    /// <summary>VIRTIO_BLK_T_IN: read.</summary>
    Read = 0,

    /// <summary>VIRTIO_BLK_T_OUT: write.</summary>
    Write = 1,

    /// <summary>VIRTIO_BLK_T_FLUSH: make completed writes durable.</summary>
    Flush = 4,

    /// <summary>VIRTIO_BLK_T_GET_ID: 20 bytes of serial number.</summary>
    GetId = 8,

    /// <summary>VIRTIO_BLK_T_DISCARD: free ranges.</summary>
    Discard = 11,

    /// <summary>VIRTIO_BLK_T_WRITE_ZEROES: make ranges read as zeroes.</summary>
    WriteZeroes = 13,
}

/// <summary>The last byte of a block request's writable part.</summary>
public enum BlockStatus : byte
{
    /// <summary>VIRTIO_BLK_S_OK.</summary>
    Ok = 0,

    /// <summary>VIRTIO_BLK_S_IOERR.</summary>
    IoError = 1,

    /// <summary>VIRTIO_BLK_S_UNSUPP.</summary>
    Unsupported = 2,
}

/// <summary>Start of a block request: 16 bytes, little-endian.</summary>
/// <remarks>[0) type u32 · [4) reserved u32 · [8) sector u64. Source: virtio 1.3, 5.2.6.</remarks>
public readonly record struct BlockRequestHeader(BlockRequestType Type, ulong Sector)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 16;

    /// <summary>Bytes that <see cref="BlockRequestType.GetId"/> answers, padded with NUL.</summary>
    public const int IdBytes = 20;

    /// <summary>Reads a header. False when short.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out BlockRequestHeader value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new((BlockRequestType)ReadUInt32LittleEndian(source), ReadUInt64LittleEndian(source[8..]));
        return true;
    }
}

/// <summary>A range to discard or to zero: 16 bytes, little-endian.</summary>
/// <remarks>[0) sector u64 · [8) sectors u32 · [12) flags u32, bit 0 unmap. Source: virtio 1.3, 5.2.6.</remarks>
public readonly record struct BlockRangeSegment(ulong Sector, uint Sectors, uint Flags)
{
    /// <summary>Bytes of a segment.</summary>
    public const int Size = 16;

    /// <summary>The space may be freed; only when zeroes are written.</summary>
    public const uint Unmap = 1;

    /// <summary>Reads a segment. False when short.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out BlockRangeSegment value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new(ReadUInt64LittleEndian(source), ReadUInt32LittleEndian(source[8..]), ReadUInt32LittleEndian(source[12..]));
        return true;
    }
}
