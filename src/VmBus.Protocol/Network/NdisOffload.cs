using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Network;

/// <summary>NDIS_OFFLOAD: which work on frames the adapter does, or could do.</summary>
/// <param name="Transmit">Checksums computed.</param>
/// <param name="Receive">Checksums verified.</param>
/// <param name="LargeSend4Bytes">Longest IPv4 packet that is segmented; 0 for none.</param>
/// <param name="LargeSend6Bytes">Longest IPv6 packet that is segmented; 0 for none.</param>
/// <param name="Coalescing">Whether received segments are put together.</param>
/// <remarks>Source: protocol-spec/ndis.md#offloads.</remarks>
public readonly record struct NdisOffload(bool Transmit, bool Receive, uint LargeSend4Bytes, uint LargeSend6Bytes, bool Coalescing)
{
    /// <summary>Bytes of revision 3, the longest.</summary>
    public const int Size = 156;

    /// <summary>Bytes of revision 2.</summary>
    public const int Revision2Bytes = 144;

    /// <summary>Bytes of revision 1, the shortest.</summary>
    public const int Revision1Bytes = 112;

    // NDIS_ENCAPSULATION_IEEE_802_3.
    private const uint Ethernet = 2;

    // IP and TCP options, TCP, UDP, IP header.
    private const uint Checksums4 = 0x155;

    // Extension headers, TCP options, TCP, UDP.
    private const uint Checksums6 = 0x55;

    private const uint MinimumSegments = 2;
    private const uint LargeSend6Options = 5;

    /// <summary>Writes the longest form that is not longer than <paramref name="room"/>, at least that of revision 1.</summary>
    /// <param name="destination">At least <see cref="Size"/> bytes.</param>
    /// <param name="room">What the guest has room for; Linux takes nothing longer than it has asked for.</param>
    /// <returns>Bytes written.</returns>
    public int Write(Span<byte> destination, int room)
    {
        (byte revision, int size) = room switch
        {
            >= Size => ((byte)3, Size),
            >= Revision2Bytes => ((byte)2, Revision2Bytes),
            _ => ((byte)1, Revision1Bytes),
        };
        destination[..Size].Clear();
        new NdisObjectHeader(NdisObjectType.Offload, revision, (ushort)size).Write(destination);
        WriteChecksums(destination[4..], Transmit, Checksums4);
        WriteChecksums(destination[12..], Receive, Checksums4);
        WriteChecksums(destination[20..], Transmit, Checksums6);
        WriteChecksums(destination[28..], Receive, Checksums6);
        WriteLargeSend(destination[80..], LargeSend4Bytes);
        WriteLargeSend(destination[92..], LargeSend6Bytes);
        if (LargeSend6Bytes != 0) WriteUInt32LittleEndian(destination[104..], LargeSend6Options);
        destination[144] = destination[145] = Coalescing ? (byte)1 : (byte)0;
        return size;
    }

    private static void WriteChecksums(Span<byte> destination, bool offered, uint flags)
    {
        if (!offered) return;
        WriteUInt32LittleEndian(destination, Ethernet);
        WriteUInt32LittleEndian(destination[4..], flags);
    }

    // A limit of 0 with an encapsulation would make Linux cut everything to nothing.
    private static void WriteLargeSend(Span<byte> destination, uint bytes)
    {
        if (bytes == 0) return;
        WriteUInt32LittleEndian(destination, Ethernet);
        WriteUInt32LittleEndian(destination[4..], bytes);
        WriteUInt32LittleEndian(destination[8..], MinimumSegments);
    }
}
