using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Storage;

/// <summary>The limits of a controller: the body of an answer to <see cref="VstorOperation.QueryProperties"/>, 24 bytes, little-endian.</summary>
/// <param name="MaximumSubchannels">Sub-channels that the guest may ask for.</param>
/// <param name="Flags">Bit 0: sub-channels are supported.</param>
/// <param name="MaximumTransferBytes">Largest data buffer of one command, a multiple of 4096.</param>
/// <remarks>[0) reserved u32 · [4) sub-channels u16 · [6) reserved u16 · [8) flags u32 · [12) transfer u32 · [16) reserved u64.
/// Source: protocol-spec/storage.md#properties.</remarks>
public readonly record struct StorageProperties(ushort MaximumSubchannels, uint Flags, uint MaximumTransferBytes)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 24;

    /// <summary>Flag: the guest may ask for sub-channels.</summary>
    public const uint MultiChannel = 1;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out StorageProperties value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new(ReadUInt16LittleEndian(source[4..]), ReadUInt32LittleEndian(source[8..]), ReadUInt32LittleEndian(source[12..]));
        return true;
    }

    /// <summary>Writes the 24 bytes.</summary>
    public void Write(Span<byte> destination)
    {
        destination[..Size].Clear();
        WriteUInt16LittleEndian(destination[4..], MaximumSubchannels);
        WriteUInt32LittleEndian(destination[8..], Flags);
        WriteUInt32LittleEndian(destination[12..], MaximumTransferBytes);
    }
}
