using VmBus.Protocol.Channel;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Tracing;

/// <summary>What every record of a trace begins with: 32 bytes, little-endian; the record's own bytes follow.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Direction">Who has said it.</param>
/// <param name="ChannelId">The channel; 0 for a channel message, whose own bytes name it.</param>
/// <param name="SubchannelIndex">0 for the primary channel.</param>
/// <param name="OfferFlags">The channel's.</param>
/// <param name="Version">The version of VMBus agreed on; 0 without a connection.</param>
/// <param name="InterfaceType">What the channel's device is; zero for a channel message.</param>
/// <remarks>
/// [0) format u8, 1 · [1) Kind u8 · [2) Direction u8 · [3) reserved u8 · [4) ChannelId u32 · [8) SubchannelIndex u16 · [10) OfferFlags u16 ·
/// [12) Version u32 · [16) InterfaceType guid. Source: protocol-spec/trace.md#record.
/// </remarks>
public readonly record struct TraceHeader(
    TraceKind Kind, TraceDirection Direction, uint ChannelId, ushort SubchannelIndex, OfferFlags OfferFlags, ProtocolVersion Version, Guid InterfaceType)
{
    /// <summary>Bytes in the file.</summary>
    public const int Size = 32;

    /// <summary>The format that this code reads and writes.</summary>
    public const byte Format = 1;

    /// <summary>The link type of records in a pcapng file: DLT_USER0.</summary>
    public const ushort LinkType = 147;

    /// <summary>False when short or of another format. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out TraceHeader value)
    {
        value = default;
        if (source.Length < Size || source[0] != Format) return false;
        value = new TraceHeader(
            (TraceKind)source[1],
            (TraceDirection)source[2],
            ReadUInt32LittleEndian(source[4..]),
            ReadUInt16LittleEndian(source[8..]),
            (OfferFlags)ReadUInt16LittleEndian(source[10..]),
            new ProtocolVersion(ReadUInt32LittleEndian(source[12..])),
            new Guid(source[16..Size]));
        return true;
    }

    /// <summary>Writes the header; <paramref name="destination"/> has room for <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> destination)
    {
        destination[0] = Format;
        destination[1] = (byte)Kind;
        destination[2] = (byte)Direction;
        destination[3] = 0;
        WriteUInt32LittleEndian(destination[4..], ChannelId);
        WriteUInt16LittleEndian(destination[8..], SubchannelIndex);
        WriteUInt16LittleEndian(destination[10..], (ushort)OfferFlags);
        WriteUInt32LittleEndian(destination[12..], Version.Value);
        _ = InterfaceType.TryWriteBytes(destination[16..]);
    }
}
