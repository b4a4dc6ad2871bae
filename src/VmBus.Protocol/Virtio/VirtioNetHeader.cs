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
    public static VirtioNetHeader Read(ReadOnlySpan<byte> source) => new(
        (VirtioNetFlags)source[0],
        (VirtioNetSegmentation)source[1],
        BinaryPrimitives.ReadUInt16LittleEndian(source[2..]),
        BinaryPrimitives.ReadUInt16LittleEndian(source[4..]),
        BinaryPrimitives.ReadUInt16LittleEndian(source[6..]),
        BinaryPrimitives.ReadUInt16LittleEndian(source[8..]),
        BinaryPrimitives.ReadUInt16LittleEndian(source[10..]));

    /// <summary>Writes the header.</summary>
    /// <param name="destination">At least <see cref="Bytes"/>.</param>
    public void Write(Span<byte> destination)
    {
        destination[0] = (byte)Flags;
        destination[1] = (byte)Segmentation;
        BinaryPrimitives.WriteUInt16LittleEndian(destination[2..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[4..], SegmentBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[6..], ChecksumStart);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[8..], ChecksumOffset);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[10..], BufferCount);
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
