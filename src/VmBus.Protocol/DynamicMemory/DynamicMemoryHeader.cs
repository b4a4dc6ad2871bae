using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.DynamicMemory;

/// <summary>What every message begins with. Source: protocol-spec/dynamic-memory.md#message.</summary>
/// <param name="Type">Its kind; any number may come.</param>
/// <param name="Bytes">Its length with this header.</param>
/// <param name="Transaction">The sender's count. Answers do not repeat it.</param>
/// <remarks>[0) type u16 · [2) bytes u16 · [4) transaction u32.</remarks>
public readonly record struct DynamicMemoryHeader(DynamicMemoryMessageType Type, int Bytes, uint Transaction)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 8;

    /// <summary>Longest message either side takes.</summary>
    public const int MaximumBytes = 4096;

    /// <summary>False when short, or when it says a length that is not there. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out DynamicMemoryHeader value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new((DynamicMemoryMessageType)ReadUInt16LittleEndian(message), ReadUInt16LittleEndian(message[2..]), ReadUInt32LittleEndian(message[4..]));
        return value.Bytes >= Size && value.Bytes <= message.Length;
    }

    /// <summary>Writes the header.</summary>
    public void Write(Span<byte> message)
    {
        WriteUInt16LittleEndian(message, (ushort)Type);
        WriteUInt16LittleEndian(message[2..], (ushort)Bytes);
        WriteUInt32LittleEndian(message[4..], Transaction);
    }
}
