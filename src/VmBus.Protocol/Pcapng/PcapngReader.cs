using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Pcapng;

/// <summary>Reads the blocks that <see cref="PcapngBlock"/> writes. Never throws: a file may hold anything.</summary>
/// <remarks>Source: draft-ietf-opsawg-pcapng.</remarks>
public static class PcapngReader
{
    /// <summary>Shortest block there is: type, and the length at both ends.</summary>
    public const int LeastBlockBytes = 12;

    private const int LengthBytes = sizeof(uint);
    private const int StatisticsHeaderBytes = 20;
    private const ushort Flags = 2;
    private const ushort DropCount = 4;
    private const ushort Dropped = 5;
    private const uint Outbound = 2;
    private const uint DirectionBits = 3;

    /// <summary>Reads what a block begins with.</summary>
    /// <param name="source">Begins with it; at least 8 bytes.</param>
    /// <param name="longest">Longest block that is taken.</param>
    /// <param name="type">What it is.</param>
    /// <param name="bytes">Its length.</param>
    /// <returns>False when there are not 8 bytes, or the length cannot be.</returns>
    public static bool TryReadHead(ReadOnlySpan<byte> source, int longest, out uint type, out int bytes)
    {
        (type, bytes) = (0, 0);
        if (source.Length < LengthBytes + LengthBytes) return false;
        type = ReadUInt32LittleEndian(source);
        bytes = ReadInt32LittleEndian(source[LengthBytes..]);
        return bytes >= LeastBlockBytes && bytes <= longest && bytes % LengthBytes == 0;
    }

    /// <summary>Reads a packet.</summary>
    /// <param name="block">The whole block.</param>
    /// <param name="packet">The packet, in the block's bytes.</param>
    /// <returns>False when it is another block, or says more than is there.</returns>
    public static bool TryReadPacket(ReadOnlySpan<byte> block, out PcapngPacket packet)
    {
        packet = default;
        if (block.Length < PcapngBlock.PacketHeaderBytes + LengthBytes || ReadUInt32LittleEndian(block) != PcapngBlock.PacketType) return false;
        ulong time = ((ulong)ReadUInt32LittleEndian(block[12..]) << 32) | ReadUInt32LittleEndian(block[16..]);
        int kept = ReadInt32LittleEndian(block[20..]), original = ReadInt32LittleEndian(block[24..]);
        ReadOnlySpan<byte> rest = block[PcapngBlock.PacketHeaderBytes..^LengthBytes];
        if (kept < 0 || kept > rest.Length || original < kept) return false;
        ReadOnlySpan<byte> options = rest[Math.Min(Padded(kept), rest.Length)..];
        bool outbound = TryFind(options, Flags, out ReadOnlySpan<byte> value) && value.Length == sizeof(uint) && (ReadUInt32LittleEndian(value) & DirectionBits) == Outbound;
        ulong lost = TryFind(options, DropCount, out value) && value.Length == sizeof(ulong) ? ReadUInt64LittleEndian(value) : 0;
        packet = new PcapngPacket(time, rest[..kept], original, outbound, lost);
        return true;
    }

    /// <summary>Reads how many packets are not in the file, from an interface's counts.</summary>
    /// <returns>False when it is another block, or does not say.</returns>
    public static bool TryReadLost(ReadOnlySpan<byte> block, out ulong lost)
    {
        lost = 0;
        if (block.Length < StatisticsHeaderBytes + LengthBytes || ReadUInt32LittleEndian(block) != PcapngBlock.StatisticsType) return false;
        if (!TryFind(block[StatisticsHeaderBytes..^LengthBytes], Dropped, out ReadOnlySpan<byte> value) || value.Length != sizeof(ulong)) return false;
        lost = ReadUInt64LittleEndian(value);
        return true;
    }

    private static bool TryFind(ReadOnlySpan<byte> options, ushort code, out ReadOnlySpan<byte> value)
    {
        while (options.Length >= LengthBytes)
        {
            ushort found = ReadUInt16LittleEndian(options);
            int bytes = ReadUInt16LittleEndian(options[sizeof(ushort)..]);
            options = options[LengthBytes..];
            if (found == 0 || bytes > options.Length) break;
            value = options[..bytes];
            if (found == code) return true;
            options = options[Math.Min(Padded(bytes), options.Length)..];
        }

        value = default;
        return false;
    }

    private static int Padded(int bytes) => (int)(((long)bytes + 3) & ~3L);
}
