using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Storage;

/// <summary>The first 12 bytes of every storage packet, little-endian.</summary>
/// <param name="Operation">What it asks or says.</param>
/// <param name="Flags">Bit 0 in requests: an answer is wanted. The ring packet's own flag decides; this one is not looked at.</param>
/// <param name="Status">In answers.</param>
/// <remarks>[0) operation u32 · [4) flags u32 · [8) status u32. Source: protocol-spec/storage.md#packet.</remarks>
public readonly record struct VstorHeader(VstorOperation Operation, uint Flags, StorageStatus Status)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 12;

    /// <summary>Flag of requests: the sender wants an answer.</summary>
    public const uint CompletionRequested = 1;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out VstorHeader value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new(
            (VstorOperation)ReadUInt32LittleEndian(source),
            ReadUInt32LittleEndian(source[4..]),
            (StorageStatus)ReadUInt32LittleEndian(source[8..]));
        return true;
    }

    /// <summary>Writes the 12 bytes.</summary>
    public void Write(Span<byte> destination)
    {
        WriteUInt32LittleEndian(destination, (uint)Operation);
        WriteUInt32LittleEndian(destination[4..], Flags);
        WriteUInt32LittleEndian(destination[8..], (uint)Status);
    }
}
