using System.Buffers.Binary;

namespace VmBus.Protocol.Virtio;

/// <summary>What stands before every frame on a TAP with IFF_VNET_HDR, and on a virtio network queue: what is still to be done to the frame.</summary>
/// <param name="Flags">What holds of the checksum.</param>
/// <param name="Segmentation">Into what the frame is to be cut, if it is longer than the link's packets.</param>
/// <param name="HeaderBytes">Length of the headers that every segment repeats, from the start of the frame.</param>
/// <param name="SegmentBytes">Payload of a segment.</param>
/// <param name="ChecksumStart">Where the bytes begin that the checksum covers.</param>
/// <param name="ChecksumOffset">Where the checksum goes, from <paramref name="ChecksumStart"/>; it holds the pseudo-header's sum.</param>
/// <param name="BufferCount">Buffers that a received frame took; on a TAP without meaning.</param>
/// <remarks>Little-endian, 12 bytes. Source: Virtio 1.2 §5.1.6; Linux <c>linux/virtio_net.h</c>.</remarks>
public readonly record struct VirtioNetHeader(
    VirtioNetFlags Flags, VirtioNetSegmentation Segmentation, ushort HeaderBytes, ushort SegmentBytes, ushort ChecksumStart, ushort ChecksumOffset,
    ushort BufferCount)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Bytes = 12;

    /// <summary>Reads the header.</summary>
    /// <param name="source">At least <see cref="Bytes"/>.</param>
    public static VirtioNetHeader Read(ReadOnlySpan<byte> source)
    {
        ulong words = BinaryPrimitives.ReadUInt64LittleEndian(source);
        uint last = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]);
        return new(
            (VirtioNetFlags)(byte)words,
            (VirtioNetSegmentation)(byte)(words >> 8),
            (ushort)(words >> 16),
            (ushort)(words >> 32),
            (ushort)(words >> 48),
            (ushort)last,
            (ushort)(last >> 16));
    }

    /// <summary>Writes the header.</summary>
    /// <param name="destination">At least <see cref="Bytes"/>.</param>
    /// <remarks>In two stores, as <see cref="Read"/> has two loads: a load that spans several stores waits until all before them have left the processor.</remarks>
    public void Write(Span<byte> destination)
    {
        ulong words = (byte)Flags | ((ulong)(byte)Segmentation << 8) | ((ulong)HeaderBytes << 16) | ((ulong)SegmentBytes << 32) | ((ulong)ChecksumStart << 48);
        BinaryPrimitives.WriteUInt64LittleEndian(destination, words);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], ChecksumOffset | ((uint)BufferCount << 16));
    }
}

/// <summary>VIRTIO_NET_HDR_F.</summary>
[Flags]
public enum VirtioNetFlags : byte
{
    /// <summary>Nothing is known, nothing is to be done.</summary>
    None = 0,

    /// <summary>The checksum is still to be computed; the frame is known to be good.</summary>
    NeedsChecksum = 1,

    /// <summary>The checksum was verified.</summary>
    DataValid = 2,

    /// <summary>Coalescing counts are present.</summary>
    CoalescingInformation = 4,
}

/// <summary>VIRTIO_NET_HDR_GSO.</summary>
public enum VirtioNetSegmentation : byte
{
    /// <summary>A frame as it is.</summary>
    None = 0,

    /// <summary>TCP over IPv4.</summary>
    Tcp4 = 1,

    /// <summary>UDP fragmentation, obsolete.</summary>
    Udp = 3,

    /// <summary>TCP over IPv6.</summary>
    Tcp6 = 4,

    /// <summary>UDP segmentation over either.</summary>
    UdpSegmentation = 5,

    /// <summary>Added to the others: a segment carries the congestion mark.</summary>
    CongestionMark = 0x80,
}
