using System.Buffers.Binary;
using System.Net;
using VmBus.Network.Frames;
using VmBus.Protocol.Virtio;

namespace VmBus.Network.Tests.Host;

/// <summary>Ethernet frames as tests need them.</summary>
internal static class Packets
{
    internal const int Ethernet = 14;
    internal const int Ip4 = 20;
    internal const int Udp = 8;
    internal const int Tcp = 20;

    internal static MacAddress Mac(int last) => Mac($"52:54:00:00:00:{last:x2}");

    internal static MacAddress Mac(string text) =>
        MacAddress.TryParse(text, out MacAddress address) ? address : throw new ArgumentException("No address.", nameof(text));

    /// <summary>A frame of an experimental type, which hosts ignore.</summary>
    internal static byte[] Plain(MacAddress to, MacAddress from, byte filling, int bytes = 100)
    {
        byte[] frame = new byte[bytes];
        frame.AsSpan(Ethernet).Fill(filling);
        Head(frame, to, from, 0x88b5);
        return frame;
    }

    /// <summary>A UDP datagram; without its checksum when <paramref name="finished"/> is false, as <see cref="Unfinished"/> says.</summary>
    internal static byte[] UdpFrame(MacAddress to, MacAddress from, IPEndPoint target, IPEndPoint source, byte[] payload, bool finished)
    {
        byte[] frame = new byte[Ethernet + Ip4 + Udp + payload.Length];
        payload.CopyTo(frame.AsSpan(Ethernet + Ip4 + Udp));
        Span<byte> udp = frame.AsSpan(Ethernet + Ip4);
        BinaryPrimitives.WriteUInt16BigEndian(udp, (ushort)source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], (ushort)target.Port);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)(Udp + payload.Length));
        return Close(frame, to, from, target, source, 17, 6, finished);
    }

    /// <summary>A TCP segment, however long, without its checksum.</summary>
    internal static byte[] TcpFrame(MacAddress to, MacAddress from, IPEndPoint target, IPEndPoint source, byte[] payload)
    {
        byte[] frame = new byte[Ethernet + Ip4 + Tcp + payload.Length];
        payload.CopyTo(frame.AsSpan(Ethernet + Ip4 + Tcp));
        Span<byte> tcp = frame.AsSpan(Ethernet + Ip4);
        BinaryPrimitives.WriteUInt16BigEndian(tcp, (ushort)source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], (ushort)target.Port);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], 1000);
        tcp[12] = 5 << 4;
        // ACK and a window.
        tcp[13] = 0x10;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], 1000);
        return Close(frame, to, from, target, source, 6, 16, finished: false);
    }

    /// <summary>The header for a frame without checksum, to be cut into segments of <paramref name="segment"/> when that is not 0.</summary>
    internal static VirtioNetHeader Unfinished(bool tcp, int segment = 0) => new(
        VirtioNetFlags.NeedsChecksum,
        segment == 0 ? VirtioNetSegmentation.None : tcp ? VirtioNetSegmentation.Tcp4 : VirtioNetSegmentation.UdpSegmentation,
        (ushort)(segment == 0 ? 0 : Ethernet + Ip4 + (tcp ? Tcp : Udp)),
        (ushort)segment,
        Ethernet + Ip4,
        (ushort)(tcp ? 16 : 6),
        0);

    /// <summary>Whether an IPv4 packet's TCP or UDP checksum is right.</summary>
    internal static bool HasGoodChecksum(byte[] frame)
    {
        int total = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(Ethernet + 2));
        ReadOnlySpan<byte> body = frame.AsSpan(Ethernet + Ip4, total - Ip4);
        return Fold(PseudoHeader(frame, body.Length) + Sum(body)) == 0xffff;
    }

    private static byte[] Close(
        byte[] frame, MacAddress to, MacAddress from, IPEndPoint target, IPEndPoint source, byte protocol, int checksumAt, bool finished)
    {
        Head(frame, to, from, 0x0800);
        Span<byte> ip = frame.AsSpan(Ethernet, Ip4);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(frame.Length - Ethernet));
        ip[8] = 64;
        ip[9] = protocol;
        source.Address.TryWriteBytes(ip[12..], out _);
        target.Address.TryWriteBytes(ip[16..], out _);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~Fold(Sum(ip)));
        Span<byte> body = frame.AsSpan(Ethernet + Ip4);
        uint sum = PseudoHeader(frame, body.Length);
        ushort check = finished ? (ushort)~Fold(sum + Sum(body)) : Fold(sum);
        BinaryPrimitives.WriteUInt16BigEndian(body[checksumAt..], check);
        return frame;
    }

    private static void Head(Span<byte> frame, MacAddress to, MacAddress from, ushort type)
    {
        to.Write(frame);
        from.Write(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], type);
    }

    private static uint PseudoHeader(ReadOnlySpan<byte> frame, int bytes) => Sum(frame.Slice(Ethernet + 12, 8)) + frame[Ethernet + 9] + (uint)bytes;

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++) sum += (i & 1) == 0 ? (uint)bytes[i] << 8 : bytes[i];
        return sum;
    }

    private static ushort Fold(uint sum)
    {
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)sum;
    }
}
