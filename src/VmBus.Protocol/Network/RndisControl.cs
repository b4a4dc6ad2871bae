using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Network;

/// <summary>The first words of every RNDIS message but packets: type, length and the request that an answer belongs to.</summary>
/// <param name="Type">Any value may arrive.</param>
/// <param name="MessageBytes">The whole message.</param>
/// <param name="RequestId">Chosen by the guest.</param>
/// <remarks>Source: protocol-spec/rndis.md#control-header.</remarks>
public readonly record struct RndisControlHeader(RndisMessageType Type, uint MessageBytes, uint RequestId)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 12;

    /// <summary>False when short, or when the message is longer than what there is. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out RndisControlHeader value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new(
            (RndisMessageType)ReadUInt32LittleEndian(source), ReadUInt32LittleEndian(source[4..]), ReadUInt32LittleEndian(source[8..]));
        return value.MessageBytes >= Size && value.MessageBytes <= source.Length;
    }

    /// <summary>Writes the three words.</summary>
    public void Write(Span<byte> destination)
    {
        WriteUInt32LittleEndian(destination, (uint)Type);
        WriteUInt32LittleEndian(destination[4..], MessageBytes);
        WriteUInt32LittleEndian(destination[8..], RequestId);
    }
}

/// <summary>An <see cref="RndisMessageType.InitializeComplete"/>.</summary>
/// <param name="RequestId">From the request.</param>
/// <param name="Status">Outcome.</param>
/// <param name="MaximumPackets">Packets that the guest may put into one message.</param>
/// <param name="MaximumTransferBytes">Longest message.</param>
/// <param name="AlignmentShift">Packets in one message begin at multiples of 2 to this power.</param>
/// <remarks>Source: protocol-spec/rndis.md#initialize-answer.</remarks>
public readonly record struct RndisInitializeComplete(
    uint RequestId, RndisStatus Status, uint MaximumPackets, uint MaximumTransferBytes, uint AlignmentShift)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 52;

    /// <summary>False when short or another message. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out RndisInitializeComplete value)
    {
        value = default;
        if (!RndisControlHeader.TryRead(source, out RndisControlHeader header)) return false;
        if (header.Type != RndisMessageType.InitializeComplete || header.MessageBytes < Size) return false;
        value = new(
            header.RequestId,
            (RndisStatus)ReadUInt32LittleEndian(source[12..]),
            ReadUInt32LittleEndian(source[32..]),
            ReadUInt32LittleEndian(source[36..]),
            ReadUInt32LittleEndian(source[40..]));
        return true;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> destination)
    {
        destination[..Size].Clear();
        new RndisControlHeader(RndisMessageType.InitializeComplete, Size, RequestId).Write(destination);
        WriteUInt32LittleEndian(destination[12..], (uint)Status);
        WriteUInt32LittleEndian(destination[16..], 1);
        WriteUInt32LittleEndian(destination[24..], 1);
        WriteUInt32LittleEndian(destination[32..], MaximumPackets);
        WriteUInt32LittleEndian(destination[36..], MaximumTransferBytes);
        WriteUInt32LittleEndian(destination[40..], AlignmentShift);
    }
}

/// <summary>A <see cref="RndisMessageType.Query"/> or <see cref="RndisMessageType.Set"/>.</summary>
/// <param name="Header">The first words.</param>
/// <param name="Object">What is asked for.</param>
/// <param name="ValueBytes">Length of the value that comes with it.</param>
/// <param name="ValueOffset">Where the value begins, from byte 8.</param>
/// <remarks>Source: protocol-spec/rndis.md#query-and-set.</remarks>
public readonly record struct RndisRequest(RndisControlHeader Header, NdisOid Object, uint ValueBytes, uint ValueOffset)
{
    /// <summary>Bytes before the value, with an unused word.</summary>
    public const int Size = 28;

    /// <summary>False when short, or when the value lies outside the message. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out RndisRequest value)
    {
        value = default;
        if (!RndisControlHeader.TryRead(source, out RndisControlHeader header) || header.MessageBytes < Size) return false;
        value = new(
            header, (NdisOid)ReadUInt32LittleEndian(source[12..]), ReadUInt32LittleEndian(source[16..]), ReadUInt32LittleEndian(source[20..]));
        uint body = header.MessageBytes - RndisPacketHeader.OffsetBase;
        return value.ValueBytes == 0
            || (value.ValueOffset >= Size - RndisPacketHeader.OffsetBase && value.ValueBytes <= body && value.ValueOffset <= body - value.ValueBytes);
    }

    /// <summary>The value of a request that was read from <paramref name="source"/>.</summary>
    public ReadOnlySpan<byte> Value(ReadOnlySpan<byte> source)
        => ValueBytes == 0 ? default : source.Slice((int)ValueOffset + RndisPacketHeader.OffsetBase, (int)ValueBytes);

    /// <summary>Writes the message without its value.</summary>
    public void Write(Span<byte> destination)
    {
        destination[..Size].Clear();
        Header.Write(destination);
        WriteUInt32LittleEndian(destination[12..], (uint)Object);
        WriteUInt32LittleEndian(destination[16..], ValueBytes);
        WriteUInt32LittleEndian(destination[20..], ValueOffset);
    }
}

/// <summary>Answers and notices of the host that are short. Source: protocol-spec/rndis.md#query-answer and the headings after it.</summary>
public static class RndisAnswers
{
    /// <summary>Bytes of a <see cref="RndisMessageType.QueryComplete"/> before its value.</summary>
    public const int QueryBytes = 24;

    /// <summary>Bytes of a <see cref="RndisMessageType.SetComplete"/> or <see cref="RndisMessageType.KeepAliveComplete"/>.</summary>
    public const int StatusBytes = 16;

    /// <summary>Bytes of a <see cref="RndisMessageType.ResetComplete"/>.</summary>
    public const int ResetBytes = 16;

    /// <summary>Bytes of a <see cref="RndisMessageType.Indicate"/> before its value.</summary>
    public const int IndicationBytes = 20;

    /// <summary>Writes what precedes the value of a query's answer. The offset is there without a value too: guests check it.</summary>
    public static void WriteQuery(Span<byte> destination, uint requestId, RndisStatus status, int valueBytes)
    {
        new RndisControlHeader(RndisMessageType.QueryComplete, (uint)(QueryBytes + valueBytes), requestId).Write(destination);
        WriteUInt32LittleEndian(destination[12..], (uint)status);
        WriteUInt32LittleEndian(destination[16..], (uint)valueBytes);
        WriteUInt32LittleEndian(destination[20..], QueryBytes - RndisPacketHeader.OffsetBase);
    }

    /// <summary>Reads the answer to a query. False when short, another message, or when the value lies outside. Never throws.</summary>
    public static bool TryReadQuery(ReadOnlySpan<byte> source, out RndisStatus status, out ReadOnlySpan<byte> value)
    {
        status = default;
        value = default;
        if (!RndisControlHeader.TryRead(source, out RndisControlHeader header)) return false;
        if (header.Type != RndisMessageType.QueryComplete || header.MessageBytes < QueryBytes) return false;
        status = (RndisStatus)ReadUInt32LittleEndian(source[12..]);
        return TryReadValue(source, (int)header.MessageBytes, 16, QueryBytes, out value);
    }

    /// <summary>Reads the answer to a set. False when short or another message. Never throws.</summary>
    public static bool TryReadSet(ReadOnlySpan<byte> source, out RndisStatus status)
    {
        status = default;
        if (!RndisControlHeader.TryRead(source, out RndisControlHeader header)) return false;
        if (header.Type != RndisMessageType.SetComplete || header.MessageBytes < StatusBytes) return false;
        status = (RndisStatus)ReadUInt32LittleEndian(source[12..]);
        return true;
    }

    /// <summary>Reads a notice, whose third word is no request. False when short, another message, or when the value lies outside. Never throws.</summary>
    public static bool TryReadIndication(ReadOnlySpan<byte> source, out RndisStatus status, out ReadOnlySpan<byte> value)
    {
        status = default;
        value = default;
        if (!RndisControlHeader.TryRead(source, out RndisControlHeader header)) return false;
        if (header.Type != RndisMessageType.Indicate || header.MessageBytes < IndicationBytes) return false;
        status = (RndisStatus)header.RequestId;
        return TryReadValue(source, (int)header.MessageBytes, 12, IndicationBytes, out value);
    }

    /// <summary>Writes an answer that has only a status.</summary>
    public static void WriteStatus(Span<byte> destination, RndisMessageType type, uint requestId, RndisStatus status)
    {
        new RndisControlHeader(type, StatusBytes, requestId).Write(destination);
        WriteUInt32LittleEndian(destination[12..], (uint)status);
    }

    /// <summary>Writes the answer to a reset, which has no request id; the guest need not set its addresses again.</summary>
    public static void WriteReset(Span<byte> destination, RndisStatus status)
    {
        WriteUInt32LittleEndian(destination, (uint)RndisMessageType.ResetComplete);
        WriteUInt32LittleEndian(destination[4..], ResetBytes);
        WriteUInt32LittleEndian(destination[8..], (uint)status);
        WriteUInt32LittleEndian(destination[12..], 0);
    }

    /// <summary>Writes what precedes the value of a notice.</summary>
    public static void WriteIndication(Span<byte> destination, RndisStatus status, int valueBytes)
    {
        WriteUInt32LittleEndian(destination, (uint)RndisMessageType.Indicate);
        WriteUInt32LittleEndian(destination[4..], (uint)(IndicationBytes + valueBytes));
        WriteUInt32LittleEndian(destination[8..], (uint)status);
        WriteUInt32LittleEndian(destination[12..], (uint)valueBytes);
        WriteUInt32LittleEndian(destination[16..], IndicationBytes - RndisPacketHeader.OffsetBase);
    }

    // Length and offset of a value, one after the other; the offset counts from byte 8.
    private static bool TryReadValue(ReadOnlySpan<byte> source, int messageBytes, int at, int head, out ReadOnlySpan<byte> value)
    {
        value = default;
        uint bytes = ReadUInt32LittleEndian(source[at..]);
        uint offset = ReadUInt32LittleEndian(source[(at + 4)..]);
        uint body = (uint)messageBytes - RndisPacketHeader.OffsetBase;
        if (bytes == 0) return true;
        if (offset < head - RndisPacketHeader.OffsetBase || bytes > body || offset > body - bytes) return false;
        value = source.Slice((int)offset + RndisPacketHeader.OffsetBase, (int)bytes);
        return true;
    }
}
