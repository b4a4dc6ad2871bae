using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Network;

/// <summary>Header of <see cref="RndisMessageType.Packet"/>: a frame and what is known of it.</summary>
/// <param name="MessageBytes">The whole message, with padding.</param>
/// <param name="DataOffset">Where the frame begins, from byte 8.</param>
/// <param name="DataBytes">Length of the frame.</param>
/// <param name="InformationOffset">Where the packet information begins, from byte 8; 0 for none.</param>
/// <param name="InformationBytes">Length of the packet information.</param>
/// <remarks>Source: protocol-spec/rndis.md#packet.</remarks>
public readonly record struct RndisPacketHeader(uint MessageBytes, uint DataOffset, uint DataBytes, uint InformationOffset, uint InformationBytes)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 44;

    /// <summary>What the offsets count from.</summary>
    public const int OffsetBase = 8;

    /// <summary>False when short, of another type, or when frame or information lie outside the message or its header. Never throws.</summary>
    /// <param name="source">The header.</param>
    /// <param name="available">Bytes there are of the message and of what follows.</param>
    /// <param name="value">The header.</param>
    public static bool TryRead(ReadOnlySpan<byte> source, long available, out RndisPacketHeader value)
    {
        value = default;
        if (source.Length < Size || ReadUInt32LittleEndian(source) != (uint)RndisMessageType.Packet) return false;
        value = new(
            ReadUInt32LittleEndian(source[4..]),
            ReadUInt32LittleEndian(source[8..]),
            ReadUInt32LittleEndian(source[12..]),
            ReadUInt32LittleEndian(source[28..]),
            ReadUInt32LittleEndian(source[32..]));
        if (value.MessageBytes < Size || value.MessageBytes > available) return false;
        uint body = value.MessageBytes - OffsetBase;
        return IsInside(value.DataOffset, value.DataBytes, body)
            && (value.InformationBytes == 0 || IsInside(value.InformationOffset, value.InformationBytes, body));
    }

    /// <summary>Writes the header; the fields that nobody uses are 0.</summary>
    public void Write(Span<byte> destination)
    {
        destination[..Size].Clear();
        WriteUInt32LittleEndian(destination, (uint)RndisMessageType.Packet);
        WriteUInt32LittleEndian(destination[4..], MessageBytes);
        WriteUInt32LittleEndian(destination[8..], DataOffset);
        WriteUInt32LittleEndian(destination[12..], DataBytes);
        WriteUInt32LittleEndian(destination[28..], InformationOffset);
        WriteUInt32LittleEndian(destination[32..], InformationBytes);
    }

    private static bool IsInside(uint offset, uint bytes, uint body) => offset >= Size - OffsetBase && bytes <= body && offset <= body - bytes;
}
