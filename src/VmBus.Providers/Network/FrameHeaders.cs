using System.Buffers.Binary;

namespace VmBus.Providers.Network;

/// <summary>Where the headers of a frame lie; read from a private copy of its first bytes.</summary>
/// <param name="NetworkOffset">Where the IP header begins.</param>
/// <param name="TransportOffset">Where TCP or UDP begins; 0 when it is neither, or not in the copy, or in a later fragment.</param>
/// <param name="Version">4 or 6; 0 when it is no IP.</param>
/// <param name="Protocol">The transport protocol.</param>
internal readonly record struct FrameHeaders(int NetworkOffset, int TransportOffset, int Version, byte Protocol)
{
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const int EthernetBytes = 14;
    public const int TagBytes = 4;

    /// <summary>No acknowledgement without data is longer: Ethernet, VLAN tag, IPv6 and TCP with all its options.</summary>
    public const int MaximumAcknowledgement = 14 + 4 + 40 + 60;

    private const int Ipv4Bytes = 20;
    private const int Ipv6Bytes = 40;

    /// <summary>Whether the frame has a VLAN tag behind its addresses.</summary>
    public static bool IsTagged(ReadOnlySpan<byte> frame)
        => frame.Length >= EthernetBytes + TagBytes && BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) == 0x8100;

    /// <summary>Reads what there is. Never throws.</summary>
    public static FrameHeaders Read(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < EthernetBytes) return default;
        int network = EthernetBytes + (IsTagged(frame) ? TagBytes : 0);
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[(network - 2)..]);
        ReadOnlySpan<byte> packet = frame[network..];
        if (type == 0x0800 && packet.Length >= Ipv4Bytes && packet[0] >> 4 == 4)
        {
            int header = (packet[0] & 0xF) * 4;
            bool whole = header >= Ipv4Bytes && header < packet.Length && (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3FFF) == 0;
            return new FrameHeaders(network, whole ? network + header : 0, 4, packet[9]);
        }

        if (type != 0x86DD || packet.Length < Ipv6Bytes || packet[0] >> 4 != 6) return new FrameHeaders(network, 0, 0, 0);
        byte next = packet[6];
        int offset = Ipv6Bytes;
        // Hop-by-hop options, routing, destination options.
        while (next is 0 or 43 or 60 && offset + 8 <= packet.Length)
        {
            next = packet[offset];
            offset += (packet[offset + 1] + 1) * 8;
        }

        return new FrameHeaders(network, next is Tcp or Udp && offset < packet.Length ? network + offset : 0, 6, next);
    }

    /// <summary>Whether it is TCP and acknowledges something behind a hole (the SACK option). Source: RFC 2018.</summary>
    public bool TellsOfHole(ReadOnlySpan<byte> frame)
    {
        const int TcpBytes = 20;
        if (Protocol != Tcp || TransportOffset == 0 || TransportOffset + TcpBytes > frame.Length) return false;
        ReadOnlySpan<byte> options = frame[TransportOffset..];
        options = options[..Math.Min(options.Length, (options[12] >> 4) * 4)];
        for (options = options[Math.Min(options.Length, TcpBytes)..]; options.Length > 1;)
        {
            switch (options[0])
            {
                case 0: return false;
                case 1: options = options[1..]; continue;
                case 5: return true;
                default:
                    if (options[1] < 2 || options[1] > options.Length) return false;
                    options = options[options[1]..];
                    continue;
            }
        }

        return false;
    }

    /// <summary>The sum of the pseudo-header, of a frame that has one.</summary>
    public ulong PseudoSum(ReadOnlySpan<byte> frame, int transportBytes)
    {
        ReadOnlySpan<byte> addresses = Version == 4 ? frame.Slice(NetworkOffset + 12, 8) : frame.Slice(NetworkOffset + 8, 32);
        ulong sum = InternetChecksum.Add(addresses);
        sum = InternetChecksum.AddWord(Protocol, sum);
        return InternetChecksum.AddWord((ushort)transportBytes, sum);
    }

    /// <summary>Sets the IPv4 header's checksum.</summary>
    public void FinishIpv4(Span<byte> frame)
    {
        Span<byte> header = frame.Slice(NetworkOffset, (frame[NetworkOffset] & 0xF) * 4);
        BinaryPrimitives.WriteUInt16LittleEndian(header[10..], 0);
        BinaryPrimitives.WriteUInt16LittleEndian(header[10..], InternetChecksum.Finish(InternetChecksum.Add(header)));
    }
}
