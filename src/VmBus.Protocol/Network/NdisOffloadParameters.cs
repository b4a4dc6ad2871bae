namespace VmBus.Protocol.Network;

/// <summary>NDIS_OFFLOAD_PARAMETERS: which work on frames the adapter is to do.</summary>
/// <param name="Ipv4">Checksum of IPv4 headers.</param>
/// <param name="Tcp4">Checksum of TCP over IPv4.</param>
/// <param name="Udp4">Checksum of UDP over IPv4.</param>
/// <param name="Tcp6">Checksum of TCP over IPv6.</param>
/// <param name="Udp6">Checksum of UDP over IPv6.</param>
/// <param name="LargeSend4">Large send over IPv4.</param>
/// <param name="LargeSend6">Large send over IPv6.</param>
/// <param name="Coalescing4">Coalescing of IPv4 segments.</param>
/// <param name="Coalescing6">Coalescing of IPv6 segments.</param>
/// <remarks>Source: protocol-spec/ndis.md#offload-parameters.</remarks>
public readonly record struct NdisOffloadParameters(
    ChecksumSetting Ipv4, ChecksumSetting Tcp4, ChecksumSetting Udp4, ChecksumSetting Tcp6, ChecksumSetting Udp6,
    OffloadSetting LargeSend4, OffloadSetting LargeSend6, OffloadSetting Coalescing4, OffloadSetting Coalescing6)
{
    /// <summary>Bytes of the longest form.</summary>
    public const int Size = 28;

    /// <summary>Bytes of the shortest form that is taken.</summary>
    public const int MinimumBytes = 20;

    /// <summary>False when short or another structure. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out NdisOffloadParameters value)
    {
        value = default;
        if (!NdisObjectHeader.TryRead(source, out NdisObjectHeader header)) return false;
        if (header.Type != NdisObjectType.Default || header.Bytes < MinimumBytes || header.Bytes > source.Length) return false;
        bool coalescing = header.Bytes >= 24;
        value = new(
            (ChecksumSetting)source[4], (ChecksumSetting)source[5], (ChecksumSetting)source[6], (ChecksumSetting)source[7], (ChecksumSetting)source[8],
            (OffloadSetting)source[11], (OffloadSetting)source[12],
            coalescing ? (OffloadSetting)source[22] : default,
            coalescing ? (OffloadSetting)source[23] : default);
        return true;
    }

    /// <summary>Writes the longest form.</summary>
    public void Write(Span<byte> destination)
    {
        destination[..Size].Clear();
        new NdisObjectHeader(NdisObjectType.Default, 3, Size).Write(destination);
        destination[4] = (byte)Ipv4;
        destination[5] = (byte)Tcp4;
        destination[6] = (byte)Udp4;
        destination[7] = (byte)Tcp6;
        destination[8] = (byte)Udp6;
        destination[11] = (byte)LargeSend4;
        destination[12] = (byte)LargeSend6;
        destination[22] = (byte)Coalescing4;
        destination[23] = (byte)Coalescing6;
    }
}

/// <summary>A setting of a checksum offload; any other value may arrive. Source: protocol-spec/ndis.md#checksum-settings.</summary>
public enum ChecksumSetting : byte
{
    /// <summary>As it was.</summary>
    Unchanged = 0,

    /// <summary>Neither way.</summary>
    Off = 1,

    /// <summary>On frames from the guest.</summary>
    Transmit = 2,

    /// <summary>On frames to the guest.</summary>
    Receive = 3,

    /// <summary>Both ways.</summary>
    Both = 4,
}

/// <summary>A setting of another offload; any other value may arrive. Source: protocol-spec/ndis.md#offload-settings.</summary>
public enum OffloadSetting : byte
{
    /// <summary>As it was.</summary>
    Unchanged = 0,

    /// <summary>Off.</summary>
    Off = 1,

    /// <summary>On.</summary>
    On = 2,
}
