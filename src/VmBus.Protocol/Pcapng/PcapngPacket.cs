namespace VmBus.Protocol.Pcapng;

/// <summary>A packet of a pcapng file.</summary>
/// <param name="nanoseconds">Since 1970, UTC, where the interface counts so.</param>
/// <param name="bytes">What is there of it.</param>
/// <param name="originalBytes">Bytes that it had.</param>
/// <param name="isOutbound">Whether the interface has sent it.</param>
/// <param name="lost">Packets right before it that are not in the file.</param>
public readonly ref struct PcapngPacket(ulong nanoseconds, ReadOnlySpan<byte> bytes, int originalBytes, bool isOutbound, ulong lost)
{
    /// <summary>Since 1970, UTC, where the interface counts so.</summary>
    public ulong Nanoseconds { get; } = nanoseconds;

    /// <summary>What is there of it.</summary>
    public ReadOnlySpan<byte> Bytes { get; } = bytes;

    /// <summary>Bytes that it had.</summary>
    public int OriginalBytes { get; } = originalBytes;

    /// <summary>Whether the interface has sent it.</summary>
    public bool IsOutbound { get; } = isOutbound;

    /// <summary>Packets right before it that are not in the file.</summary>
    public ulong Lost { get; } = lost;
}
