using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Ring;

/// <summary>Header of every ring packet: 16 bytes, little-endian, 8-byte aligned.</summary>
/// <param name="Type">Kind of packet; any value may arrive.</param>
/// <param name="HeaderBytes">Where the payload starts: this descriptor and the type-specific header.</param>
/// <param name="TotalBytes">Header and payload, without the trailer.</param>
/// <param name="Flags">Bit 0: the sender wants a completion.</param>
/// <param name="TransactionId">Chosen by the sender, echoed in the completion.</param>
/// <remarks>[0) type u16 · [2) header/8 u16 · [4) total/8 u16 · [6) flags u16 · [8) transaction u64. Source: protocol-spec/ring.md#descriptor.</remarks>
public readonly record struct PacketDescriptor(PacketType Type, int HeaderBytes, int TotalBytes, ushort Flags, ulong TransactionId)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 16;

    /// <summary>Bytes after every packet: the write index where it began, in the upper half.</summary>
    public const int TrailerBytes = 8;

    /// <summary>Every packet and every type-specific header is a multiple of this.</summary>
    public const int Alignment = 8;

    /// <summary>Longest packet without trailer that the 16-bit length field can express.</summary>
    public const int MaximumBytes = ushort.MaxValue * Alignment;

    /// <summary>Flag: the receiver must answer with a completion.</summary>
    public const ushort CompletionRequested = 1;

    /// <summary>Whether the sender wants a completion.</summary>
    public bool WantsCompletion => (Flags & CompletionRequested) != 0;

    /// <summary>False when short, or when the header is below 16 bytes or longer than the packet. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out PacketDescriptor value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new(
            (PacketType)ReadUInt16LittleEndian(source),
            ReadUInt16LittleEndian(source[2..]) * 8,
            ReadUInt16LittleEndian(source[4..]) * 8,
            ReadUInt16LittleEndian(source[6..]),
            ReadUInt64LittleEndian(source[8..]));
        return value.HeaderBytes >= Size && value.HeaderBytes <= value.TotalBytes;
    }

    /// <summary>Writes the 16 bytes. Lengths must be multiples of 8 below 512 KiB.</summary>
    public void Write(Span<byte> destination)
    {
        WriteUInt16LittleEndian(destination, (ushort)Type);
        WriteUInt16LittleEndian(destination[2..], (ushort)(HeaderBytes / 8));
        WriteUInt16LittleEndian(destination[4..], (ushort)(TotalBytes / 8));
        WriteUInt16LittleEndian(destination[6..], Flags);
        WriteUInt64LittleEndian(destination[8..], TransactionId);
    }
}
