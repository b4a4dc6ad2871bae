using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Network;

/// <summary>One element of what is known of a frame: a head of 12 bytes, then a value.</summary>
/// <param name="type">What the value is; any may arrive.</param>
/// <param name="value">The value.</param>
/// <remarks>Source: protocol-spec/rndis.md#packet-information.</remarks>
public readonly ref struct PacketInformation(PacketInformationType type, ReadOnlySpan<byte> value)
{
    /// <summary>Bytes before the value.</summary>
    public const int HeadBytes = 12;

    /// <summary>Bytes of an element with a 32-bit value.</summary>
    public const int WordBytes = 16;

    /// <summary>What the value is.</summary>
    public PacketInformationType Type { get; } = type;

    /// <summary>The value.</summary>
    public ReadOnlySpan<byte> Value { get; } = value;

    /// <summary>The value as a 32-bit number; 0 when it is shorter.</summary>
    public uint Word => Value.Length < sizeof(uint) ? 0 : ReadUInt32LittleEndian(Value);

    /// <summary>Reads one element, and moves <paramref name="source"/> behind it. False when it overruns. Never throws.</summary>
    public static bool TryRead(ref ReadOnlySpan<byte> source, out PacketInformation element)
    {
        element = default;
        if (source.Length < HeadBytes) return false;
        uint bytes = ReadUInt32LittleEndian(source);
        uint offset = ReadUInt32LittleEndian(source[8..]);
        if (bytes < HeadBytes || bytes > source.Length || offset < HeadBytes || offset > bytes) return false;
        element = new PacketInformation((PacketInformationType)ReadUInt32LittleEndian(source[4..]), source[(int)offset..(int)bytes]);
        source = source[(int)bytes..];
        return true;
    }

    /// <summary>Writes an element with a 32-bit value, <see cref="WordBytes"/> long.</summary>
    public static void Write(Span<byte> destination, PacketInformationType type, uint value)
    {
        WriteUInt32LittleEndian(destination, WordBytes);
        WriteUInt32LittleEndian(destination[4..], (uint)type);
        WriteUInt32LittleEndian(destination[8..], HeadBytes);
        WriteUInt32LittleEndian(destination[12..], value);
    }
}

/// <summary>Kinds of packet information. Source: protocol-spec/rndis.md#information-types.</summary>
public enum PacketInformationType : uint
{
    /// <summary>TCP, UDP and IP checksums.</summary>
    Checksum = 0,

    /// <summary>IPsec; never sent.</summary>
    IpSecurity = 1,

    /// <summary>Large send: the frame is to be segmented.</summary>
    LargeSend = 2,

    /// <summary>Classification handle; never sent.</summary>
    Classification = 3,

    /// <summary>Scatter-gather list; never sent.</summary>
    ScatterGather = 5,

    /// <summary>VLAN tag.</summary>
    Ieee8021Q = 6,

    /// <summary>Original packet; never sent.</summary>
    OriginalPacket = 7,

    /// <summary>Hash of the flow.</summary>
    HashValue = 8,

    /// <summary>The guest's own.</summary>
    OriginalList = 9,

    /// <summary>The guest's own.</summary>
    CachedList = 10,

    /// <summary>Padding of short frames.</summary>
    ShortPacketPadding = 11,

    /// <summary>Place of a piece in a coalesced frame.</summary>
    Coalescing = 0x8000_0001,
}

/// <summary>Bits of <see cref="PacketInformationType.Checksum"/> from the guest. Source: protocol-spec/rndis.md#checksum-to-do.</summary>
/// <param name="Bits">The 32-bit value.</param>
public readonly record struct ChecksumToDo(uint Bits)
{
    /// <summary>The frame is IPv4.</summary>
    public const uint IsIpv4 = 1;

    /// <summary>The frame is IPv6.</summary>
    public const uint IsIpv6 = 2;

    /// <summary>The TCP checksum is to be computed.</summary>
    public const uint Tcp = 4;

    /// <summary>The UDP checksum is to be computed.</summary>
    public const uint Udp = 8;

    /// <summary>The IPv4 header checksum is to be computed.</summary>
    public const uint IpHeader = 16;

    /// <summary>Whether any of these bits is set.</summary>
    public bool Has(uint bits) => (Bits & bits) != 0;

    /// <summary>Where the TCP or UDP header begins in the frame.</summary>
    public int TransportOffset => (int)(Bits >> 16 & 0x3FF);
}

/// <summary>Bits of <see cref="PacketInformationType.Checksum"/> to the guest. Source: protocol-spec/rndis.md#checksum-done.</summary>
[Flags]
public enum ChecksumDone : uint
{
    /// <summary>Nothing is known.</summary>
    None = 0,

    /// <summary>The TCP checksum is wrong.</summary>
    TcpFailed = 1,

    /// <summary>The UDP checksum is wrong.</summary>
    UdpFailed = 2,

    /// <summary>The IPv4 header checksum is wrong.</summary>
    IpFailed = 4,

    /// <summary>The TCP checksum need not be looked at.</summary>
    TcpSucceeded = 8,

    /// <summary>The UDP checksum need not be looked at.</summary>
    UdpSucceeded = 16,

    /// <summary>The IPv4 header checksum need not be looked at.</summary>
    IpSucceeded = 32,

    /// <summary>The frame came from this very adapter.</summary>
    Loopback = 64,

    /// <summary>The TCP checksum in the frame is not that of the frame.</summary>
    TcpValueInvalid = 128,

    /// <summary>The IPv4 header checksum in the frame is not that of the frame.</summary>
    IpValueInvalid = 256,
}

/// <summary>Bits of <see cref="PacketInformationType.LargeSend"/>, version 2. Source: protocol-spec/rndis.md#large-send.</summary>
/// <param name="Bits">The 32-bit value.</param>
public readonly record struct LargeSend(uint Bits)
{
    /// <summary>Payload of a segment.</summary>
    public int SegmentBytes => (int)(Bits & 0xF_FFFF);

    /// <summary>Where the TCP header begins in the frame.</summary>
    public int TransportOffset => (int)(Bits >> 20 & 0x3FF);

    /// <summary>Whether this is version 2; version 1 is not served.</summary>
    public bool IsVersion2 => (Bits & 1u << 30) != 0;

    /// <summary>Whether the frame is IPv6.</summary>
    public bool IsIpv6 => (Bits & 1u << 31) != 0;
}

/// <summary>Bits of <see cref="PacketInformationType.Ieee8021Q"/>. Source: protocol-spec/rndis.md#vlan.</summary>
/// <param name="Bits">The 32-bit value.</param>
public readonly record struct VlanInformation(uint Bits)
{
    /// <summary>The tag control word as it stands in a frame.</summary>
    public ushort TagControl => (ushort)((Bits & 7) << 13 | (Bits >> 3 & 1) << 12 | (Bits >> 4 & 0xFFF));

    /// <summary>From the tag control word of a frame.</summary>
    public static VlanInformation FromTagControl(ushort tag) => new((uint)(tag >> 13 | (tag >> 12 & 1) << 3 | (tag & 0xFFF) << 4));
}

/// <summary>Value of <see cref="PacketInformationType.Coalescing"/>. Source: protocol-spec/rndis.md#coalescing.</summary>
[Flags]
public enum CoalescingFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The data is a piece of a frame.</summary>
    Piece = 1,

    /// <summary>The first piece.</summary>
    First = 2,

    /// <summary>The last piece.</summary>
    Last = 4,
}
