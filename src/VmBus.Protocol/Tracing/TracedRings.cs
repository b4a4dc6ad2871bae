using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Tracing;

/// <summary>The control words of one ring, as its control page had them.</summary>
/// <param name="WriteIndex">Where the producer writes next.</param>
/// <param name="ReadIndex">Where the consumer reads next.</param>
/// <param name="InterruptMask">Not 0: the consumer does not want signals.</param>
/// <param name="PendingSendSize">Not 0: the producer waits for this many free bytes.</param>
/// <param name="FeatureBits">What the guest supports.</param>
public readonly record struct TracedWords(uint WriteIndex, uint ReadIndex, uint InterruptMask, uint PendingSendSize, uint FeatureBits)
{
    /// <summary>Bytes in the file.</summary>
    public const int Size = 20;

    internal static TracedWords Read(ReadOnlySpan<byte> source) => new(
        ReadUInt32LittleEndian(source),
        ReadUInt32LittleEndian(source[4..]),
        ReadUInt32LittleEndian(source[8..]),
        ReadUInt32LittleEndian(source[12..]),
        ReadUInt32LittleEndian(source[16..]));

    internal void Write(Span<byte> destination)
    {
        WriteUInt32LittleEndian(destination, WriteIndex);
        WriteUInt32LittleEndian(destination[4..], ReadIndex);
        WriteUInt32LittleEndian(destination[8..], InterruptMask);
        WriteUInt32LittleEndian(destination[12..], PendingSendSize);
        WriteUInt32LittleEndian(destination[16..], FeatureBits);
    }
}

/// <summary>The control words of a channel's rings at one moment, and what the host had written to them: 64 bytes, little-endian.</summary>
/// <param name="Moment">Which moment.</param>
/// <param name="FromGuestBytes">Bytes of data in the ring from the guest.</param>
/// <param name="ToGuestBytes">Bytes of data in the ring to the guest.</param>
/// <param name="FromGuest">The ring from the guest.</param>
/// <param name="ToGuest">The ring to the guest.</param>
/// <param name="HostReadIndex">The read index that the host has written last to the ring from the guest.</param>
/// <param name="HostWriteIndex">The write index that the host has written last to the ring to the guest.</param>
/// <param name="HostPendingSendSize">The pending send size that the host has written last to the ring to the guest.</param>
/// <remarks>
/// [0) Moment u32 · [4) FromGuestBytes u32 · [8) ToGuestBytes u32 · [12) FromGuest 20 bytes · [32) ToGuest 20 bytes · [52) HostReadIndex u32 ·
/// [56) HostWriteIndex u32 · [60) HostPendingSendSize u32. Source: protocol-spec/trace.md#rings.
/// </remarks>
public readonly record struct TracedRings(
    RingMoment Moment,
    uint FromGuestBytes,
    uint ToGuestBytes,
    TracedWords FromGuest,
    TracedWords ToGuest,
    uint HostReadIndex,
    uint HostWriteIndex,
    uint HostPendingSendSize)
{
    /// <summary>Bytes in the file.</summary>
    public const int Size = 64;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out TracedRings value)
    {
        value = default;
        if (source.Length < Size) return false;
        value = new TracedRings(
            (RingMoment)ReadUInt32LittleEndian(source),
            ReadUInt32LittleEndian(source[4..]),
            ReadUInt32LittleEndian(source[8..]),
            TracedWords.Read(source[12..]),
            TracedWords.Read(source[32..]),
            ReadUInt32LittleEndian(source[52..]),
            ReadUInt32LittleEndian(source[56..]),
            ReadUInt32LittleEndian(source[60..]));
        return true;
    }

    /// <summary>Writes it; <paramref name="destination"/> has room for <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> destination)
    {
        WriteUInt32LittleEndian(destination, (uint)Moment);
        WriteUInt32LittleEndian(destination[4..], FromGuestBytes);
        WriteUInt32LittleEndian(destination[8..], ToGuestBytes);
        FromGuest.Write(destination[12..]);
        ToGuest.Write(destination[32..]);
        WriteUInt32LittleEndian(destination[52..], HostReadIndex);
        WriteUInt32LittleEndian(destination[56..], HostWriteIndex);
        WriteUInt32LittleEndian(destination[60..], HostPendingSendSize);
    }
}
