using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Network;

/// <summary>Body of <see cref="NvspMessageType.SendReceiveBuffer"/> and <see cref="NvspMessageType.SendSendBuffer"/>.</summary>
/// <param name="Gpadl">The memory.</param>
/// <param name="Id">The guest's name for it.</param>
/// <remarks>Source: protocol-spec/network.md#buffer.</remarks>
public readonly record struct NvspBuffer(uint Gpadl, ushort Id)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 10;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out NvspBuffer value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new(ReadUInt32LittleEndian(message[4..]), ReadUInt16LittleEndian(message[8..]));
        return true;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> message, NvspMessageType type)
    {
        WriteUInt32LittleEndian(message, (uint)type);
        WriteUInt32LittleEndian(message[4..], Gpadl);
        WriteUInt16LittleEndian(message[8..], Id);
    }
}

/// <summary>Body of <see cref="NvspMessageType.SendReceiveBufferComplete"/>: one run of sections from the start of the buffer.</summary>
/// <param name="Status">Whether the buffer was taken.</param>
/// <param name="SectionBytes">Size of a section: the longest RNDIS message in it.</param>
/// <param name="SectionCount">How many there are.</param>
/// <remarks>Source: protocol-spec/network.md#receive-buffer-complete.</remarks>
public readonly record struct NvspReceiveSections(NvspStatus Status, uint SectionBytes, uint SectionCount)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 28;

    /// <summary>False when short, or when there is not one run. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out NvspReceiveSections value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new(
            (NvspStatus)ReadUInt32LittleEndian(message[4..]), ReadUInt32LittleEndian(message[16..]), ReadUInt32LittleEndian(message[20..]));
        return ReadUInt32LittleEndian(message[8..]) == 1 || value.Status != NvspStatus.Success;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> message)
    {
        bool taken = Status == NvspStatus.Success;
        WriteUInt32LittleEndian(message, (uint)NvspMessageType.SendReceiveBufferComplete);
        WriteUInt32LittleEndian(message[4..], (uint)Status);
        WriteUInt32LittleEndian(message[8..], taken ? 1u : 0u);
        WriteUInt32LittleEndian(message[12..], 0);
        WriteUInt32LittleEndian(message[16..], SectionBytes);
        WriteUInt32LittleEndian(message[20..], SectionCount);
        WriteUInt32LittleEndian(message[24..], SectionBytes * SectionCount);
    }
}

/// <summary>Body of <see cref="NvspMessageType.SendSendBufferComplete"/>.</summary>
/// <param name="Status">Whether the buffer was taken.</param>
/// <param name="SectionBytes">Size of a section; the guest divides the buffer by it.</param>
/// <remarks>Source: protocol-spec/network.md#send-buffer-complete.</remarks>
public readonly record struct NvspSendSections(NvspStatus Status, uint SectionBytes)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 12;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out NvspSendSections value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new((NvspStatus)ReadUInt32LittleEndian(message[4..]), ReadUInt32LittleEndian(message[8..]));
        return true;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> message)
    {
        WriteUInt32LittleEndian(message, (uint)NvspMessageType.SendSendBufferComplete);
        WriteUInt32LittleEndian(message[4..], (uint)Status);
        WriteUInt32LittleEndian(message[8..], SectionBytes);
    }
}
