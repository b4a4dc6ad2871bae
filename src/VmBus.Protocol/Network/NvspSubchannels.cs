using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Network;

/// <summary>Body of <see cref="NvspMessageType.Subchannel"/> from the guest.</summary>
/// <param name="Operation">1 to allocate.</param>
/// <param name="Count">Sub-channels wanted.</param>
/// <remarks>Source: protocol-spec/network.md#sub-channel-request.</remarks>
public readonly record struct NvspSubchannelRequest(uint Operation, uint Count)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 12;

    /// <summary>The one operation there is.</summary>
    public const uint Allocate = 1;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out NvspSubchannelRequest value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new(ReadUInt32LittleEndian(message[4..]), ReadUInt32LittleEndian(message[8..]));
        return true;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> message)
    {
        WriteUInt32LittleEndian(message, (uint)NvspMessageType.Subchannel);
        WriteUInt32LittleEndian(message[4..], Operation);
        WriteUInt32LittleEndian(message[8..], Count);
    }
}

/// <summary>Body of <see cref="NvspMessageType.Subchannel"/> in the answer.</summary>
/// <param name="Status">Whether there will be any.</param>
/// <param name="Count">Exactly how many offers will come.</param>
/// <remarks>Source: protocol-spec/network.md#sub-channel-complete.</remarks>
public readonly record struct NvspSubchannelComplete(NvspStatus Status, uint Count)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 12;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out NvspSubchannelComplete value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new((NvspStatus)ReadUInt32LittleEndian(message[4..]), ReadUInt32LittleEndian(message[8..]));
        return true;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> message)
    {
        WriteUInt32LittleEndian(message, (uint)NvspMessageType.Subchannel);
        WriteUInt32LittleEndian(message[4..], (uint)Status);
        WriteUInt32LittleEndian(message[8..], Count);
    }
}

/// <summary>Body of <see cref="NvspMessageType.SendIndirectionTable"/>. Source: protocol-spec/network.md#send-table.</summary>
public static class NvspSendTable
{
    /// <summary>Where the entries begin; the message says so too.</summary>
    public const int TableOffset = 12;

    /// <summary>Bytes of the message.</summary>
    public const int Size = TableOffset + (NetworkInterface.SendTableEntries * sizeof(uint));

    /// <summary>Writes the message: flows are spread evenly over the channels.</summary>
    /// <param name="message">At least <see cref="Size"/> bytes.</param>
    /// <param name="channels">Channels there are, at least 1.</param>
    public static void Write(Span<byte> message, int channels)
    {
        WriteUInt32LittleEndian(message, (uint)NvspMessageType.SendIndirectionTable);
        WriteUInt32LittleEndian(message[4..], NetworkInterface.SendTableEntries);
        WriteUInt32LittleEndian(message[8..], TableOffset);
        for (int i = 0; i < NetworkInterface.SendTableEntries; i++)
            WriteUInt32LittleEndian(message[(TableOffset + (i * sizeof(uint)))..], (uint)(i % channels));
    }

    /// <summary>Reads the message. False when short, or when it has another number of entries. Never throws.</summary>
    /// <param name="message">The message.</param>
    /// <param name="entries">At least <see cref="NetworkInterface.SendTableEntries"/>: for each flow the channel to send it on, unchecked.</param>
    public static bool TryRead(ReadOnlySpan<byte> message, Span<uint> entries)
    {
        if (message.Length < Size || ReadUInt32LittleEndian(message[4..]) != NetworkInterface.SendTableEntries) return false;
        uint offset = ReadUInt32LittleEndian(message[8..]);
        if (offset < TableOffset || offset > message.Length - (NetworkInterface.SendTableEntries * sizeof(uint))) return false;
        for (int i = 0; i < NetworkInterface.SendTableEntries; i++) entries[i] = ReadUInt32LittleEndian(message[((int)offset + (i * sizeof(uint)))..]);
        return true;
    }
}
