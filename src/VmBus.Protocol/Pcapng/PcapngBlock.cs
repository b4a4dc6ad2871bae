using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Pcapng;

/// <summary>The blocks of a pcapng file that this project writes, which Wireshark and tcpdump read: little-endian, each with its length at both ends.</summary>
/// <remarks>A file is a section header, a description for each interface, then packets, and at its end what was counted. Source: draft-ietf-opsawg-pcapng.</remarks>
public static class PcapngBlock
{
    /// <summary>Bytes of a packet's block before the packet.</summary>
    public const int PacketHeaderBytes = 28;

    /// <summary>Bytes that a packet's block has beside the packet, at most.</summary>
    public const int PacketOverheadBytes = PacketHeaderBytes + 3 + OptionHeaderBytes + 4 + OptionHeaderBytes + 8 + OptionHeaderBytes + 4;

    /// <summary>Bytes of a section header.</summary>
    public const int SectionBytes = 28;

    /// <summary>Longest name of an interface, in bytes.</summary>
    public const int MaximumNameBytes = 255;

    /// <summary>Most bytes of an interface's description.</summary>
    public const int MaximumInterfaceBytes = 16 + OptionHeaderBytes + MaximumNameBytes + 1 + OptionHeaderBytes + 4 + OptionHeaderBytes + 4;

    /// <summary>Bytes of an interface's counts.</summary>
    public const int StatisticsBytes = StatisticsHeaderBytes + (2 * (OptionHeaderBytes + 8)) + OptionHeaderBytes + 4;

    /// <summary>What a packet's block begins with.</summary>
    public const uint PacketType = 6;

    /// <summary>What an interface's counts begin with.</summary>
    public const uint StatisticsType = 5;

    private const int OptionHeaderBytes = 4;
    private const int StatisticsHeaderBytes = 20;

    /// <summary>Writes a section header: byte order, version 1.0, length unknown.</summary>
    /// <param name="block">At least <see cref="SectionBytes"/>.</param>
    /// <returns>Its length.</returns>
    public static int WriteSection(Span<byte> block)
    {
        WriteUInt32LittleEndian(block, 0x0A0D0D0A);
        WriteUInt32LittleEndian(block[8..], 0x1A2B3C4D);
        WriteUInt16LittleEndian(block[12..], 1);
        WriteUInt16LittleEndian(block[14..], 0);
        WriteInt64LittleEndian(block[16..], -1);
        return Close(block, 24);
    }

    /// <summary>Writes the description of an interface, whose time stamps are in nanoseconds. Interfaces are numbered from 0 in the order of their descriptions.</summary>
    /// <param name="block">At least <see cref="MaximumInterfaceBytes"/>.</param>
    /// <param name="linkType">What its packets begin with: 1 for Ethernet, 147 to 162 for what the reader is told.</param>
    /// <param name="longest">Most bytes of a packet that are kept.</param>
    /// <param name="name">Its name, in UTF-8; cut at <see cref="MaximumNameBytes"/>.</param>
    /// <returns>Its length.</returns>
    public static int WriteInterface(Span<byte> block, ushort linkType, int longest, ReadOnlySpan<byte> name)
    {
        const ushort Name = 2, Resolution = 9;
        if (name.Length > MaximumNameBytes) name = name[..MaximumNameBytes];
        WriteUInt32LittleEndian(block, 1);
        WriteUInt16LittleEndian(block[8..], linkType);
        WriteUInt16LittleEndian(block[10..], 0);
        WriteInt32LittleEndian(block[12..], longest);
        int at = 16 + WriteOption(block[16..], Name, name);
        at += WriteOption(block[at..], Resolution, [9]);
        return Close(block, at + EndOptions(block[at..]));
    }

    /// <summary>Makes a packet's block of a packet that lies at <see cref="PacketHeaderBytes"/> already.</summary>
    /// <param name="block">The packet and <see cref="PacketOverheadBytes"/>.</param>
    /// <param name="adapter">The number of its interface.</param>
    /// <param name="nanoseconds">Since 1970, UTC.</param>
    /// <param name="kept">Bytes of the packet that are there.</param>
    /// <param name="bytes">Bytes that it had.</param>
    /// <param name="isOutbound">Whether the interface has sent it, and not received.</param>
    /// <param name="lost">Packets since the one before that are not in the file.</param>
    /// <returns>The block's length.</returns>
    public static int FinishPacket(Span<byte> block, int adapter, ulong nanoseconds, int kept, int bytes, bool isOutbound, ulong lost)
    {
        const ushort Flags = 2, DropCount = 4;
        WriteUInt32LittleEndian(block, PacketType);
        WriteInt32LittleEndian(block[8..], adapter);
        WriteUInt32LittleEndian(block[12..], (uint)(nanoseconds >> 32));
        WriteUInt32LittleEndian(block[16..], (uint)nanoseconds);
        WriteInt32LittleEndian(block[20..], kept);
        WriteInt32LittleEndian(block[24..], bytes);
        int at = PacketHeaderBytes + Pad(block[PacketHeaderBytes..], kept);
        Span<byte> value = stackalloc byte[sizeof(ulong)];
        WriteUInt32LittleEndian(value, isOutbound ? 2u : 1u);
        at += WriteOption(block[at..], Flags, value[..sizeof(uint)]);
        WriteUInt64LittleEndian(value, lost);
        at += WriteOption(block[at..], DropCount, value);
        return Close(block, at + EndOptions(block[at..]));
    }

    /// <summary>Writes what was counted at an interface.</summary>
    /// <param name="block">At least <see cref="StatisticsBytes"/>.</param>
    /// <param name="adapter">Its number.</param>
    /// <param name="nanoseconds">When, since 1970, UTC.</param>
    /// <param name="received">Packets there were.</param>
    /// <param name="lost">Those of them that are not in the file.</param>
    /// <returns>The block's length.</returns>
    public static int WriteStatistics(Span<byte> block, int adapter, ulong nanoseconds, ulong received, ulong lost)
    {
        const ushort Received = 4, Dropped = 5;
        WriteUInt32LittleEndian(block, StatisticsType);
        WriteInt32LittleEndian(block[8..], adapter);
        WriteUInt32LittleEndian(block[12..], (uint)(nanoseconds >> 32));
        WriteUInt32LittleEndian(block[16..], (uint)nanoseconds);
        Span<byte> value = stackalloc byte[sizeof(ulong)];
        WriteUInt64LittleEndian(value, received);
        int at = StatisticsHeaderBytes + WriteOption(block[StatisticsHeaderBytes..], Received, value);
        WriteUInt64LittleEndian(value, lost);
        at += WriteOption(block[at..], Dropped, value);
        return Close(block, at + EndOptions(block[at..]));
    }

    private static int WriteOption(Span<byte> at, ushort code, ReadOnlySpan<byte> value)
    {
        WriteUInt16LittleEndian(at, code);
        WriteUInt16LittleEndian(at[2..], (ushort)value.Length);
        value.CopyTo(at[OptionHeaderBytes..]);
        return OptionHeaderBytes + Pad(at[OptionHeaderBytes..], value.Length);
    }

    private static int EndOptions(Span<byte> at)
    {
        at[..OptionHeaderBytes].Clear();
        return OptionHeaderBytes;
    }

    // Everything in a block begins at a multiple of 4.
    private static int Pad(Span<byte> at, int bytes)
    {
        int padded = (bytes + 3) & ~3;
        at[bytes..padded].Clear();
        return padded;
    }

    private static int Close(Span<byte> block, int at)
    {
        int bytes = at + sizeof(int);
        WriteInt32LittleEndian(block[4..], bytes);
        WriteInt32LittleEndian(block[at..], bytes);
        return bytes;
    }
}
