using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Network;

/// <summary>Body of <see cref="NvspMessageType.SendRndisPacket"/>: where RNDIS messages are.</summary>
/// <param name="Channel">What kind of messages; any value may arrive.</param>
/// <param name="SectionIndex">Section of the send buffer, or <see cref="NetworkInterface.NoSection"/>.</param>
/// <param name="SectionBytes">How much of the section.</param>
/// <remarks>Source: protocol-spec/network.md#rndis-packet.</remarks>
public readonly record struct NvspRndisPacket(NvspChannelType Channel, uint SectionIndex, uint SectionBytes)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 16;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out NvspRndisPacket value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new(
            (NvspChannelType)ReadUInt32LittleEndian(message[4..]), ReadUInt32LittleEndian(message[8..]), ReadUInt32LittleEndian(message[12..]));
        return true;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> message)
    {
        WriteUInt32LittleEndian(message, (uint)NvspMessageType.SendRndisPacket);
        WriteUInt32LittleEndian(message[4..], (uint)Channel);
        WriteUInt32LittleEndian(message[8..], SectionIndex);
        WriteUInt32LittleEndian(message[12..], SectionBytes);
    }
}

/// <summary>Kinds of RNDIS messages. Source: protocol-spec/network.md#channel-types.</summary>
public enum NvspChannelType : uint
{
    /// <summary>Frames.</summary>
    Data = 0,

    /// <summary>Everything else.</summary>
    Control = 1,
}

/// <summary>Body of <see cref="NvspMessageType.SendRndisPacketComplete"/>; guests need all 8 bytes.</summary>
/// <param name="Status">What became of it.</param>
/// <remarks>Source: protocol-spec/network.md#rndis-packet-complete.</remarks>
public readonly record struct NvspPacketComplete(NvspStatus Status)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 8;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out NvspPacketComplete value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new((NvspStatus)ReadUInt32LittleEndian(message[4..]));
        return true;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> message)
    {
        WriteUInt32LittleEndian(message, (uint)NvspMessageType.SendRndisPacketComplete);
        WriteUInt32LittleEndian(message[4..], (uint)Status);
    }
}
