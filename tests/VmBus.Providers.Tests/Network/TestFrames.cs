using System.Buffers.Binary;

namespace VmBus.Providers.Tests.Network;

/// <summary>Frames for tests, and a slow, plain check of their checksums.</summary>
internal static class TestFrames
{
    /// <summary>An Ethernet frame of no known protocol.</summary>
    public static byte[] Plain(int bytes, byte seed = 1)
    {
        byte[] frame = new byte[bytes];
        for (int i = 0; i < bytes; i++) frame[i] = (byte)(i * seed);
        new byte[] { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xB5 }.CopyTo(frame, 0);
        return frame;
    }

    /// <summary>TCP (protocol 6) or UDP (17) over IPv4 or IPv6; the checksum is the pseudo-header's sum.</summary>
    public static byte[] Ip(int version, byte protocol, int payload)
    {
        int header = version == 4 ? 20 : 40;
        int transport = protocol == 6 ? 20 : 8;
        byte[] frame = Plain(14 + header + transport + payload);
        Span<byte> ip = frame.AsSpan(14);
        ip[..(header + transport)].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), (ushort)(version == 4 ? 0x0800 : 0x86DD));
        if (version == 4)
        {
            ip[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(ip.Length));
            ip[8] = 64;
            ip[9] = protocol;
            ip[12] = 10;
            ip[16] = 10;
            ip[19] = 1;
            BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~Sum(ip[..20]));
        }
        else
        {
            ip[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(ip.Length - 40));
            ip[6] = protocol;
            ip[8] = 0xFD;
            ip[24] = 0xFD;
            ip[39] = 1;
        }

        if (protocol == 6) ip[header + 12] = 0x50;
        else BinaryPrimitives.WriteUInt16BigEndian(ip[(header + 4)..], (ushort)(8 + payload));
        BinaryPrimitives.WriteUInt16BigEndian(ip[(header + (protocol == 6 ? 16 : 6))..], Pseudo(frame));
        return frame;
    }

    /// <summary>A TCP acknowledgement without data and with the SACK option.</summary>
    public static byte[] TellingOfHole(int version)
    {
        byte[] frame = Ip(version, 6, 12);
        int tcp = version == 4 ? 34 : 54;
        frame[tcp + 12] = 0x80;
        frame.AsSpan(tcp + 20).Clear();
        new byte[] { 1, 1, 5, 10 }.CopyTo(frame, tcp + 20);
        return frame;
    }

    /// <summary>The sum of the pseudo-header.</summary>
    public static ushort Pseudo(ReadOnlySpan<byte> frame, bool withLength = true)
    {
        ReadOnlySpan<byte> ip = frame[14..];
        bool four = ip[0] >> 4 == 4;
        int header = four ? 20 : 40;
        byte[] pseudo = [.. four ? ip.Slice(12, 8) : ip.Slice(8, 32), 0, four ? ip[9] : ip[6], 0, 0];
        if (withLength) BinaryPrimitives.WriteUInt16BigEndian(pseudo.AsSpan(pseudo.Length - 2), (ushort)(ip.Length - header));
        return Sum(pseudo);
    }

    /// <summary>The Internet sum, in network order.</summary>
    public static ushort Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++) sum += (uint)(bytes[i] << (i % 2 == 0 ? 8 : 0));
        while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)sum;
    }

    /// <summary>Whether TCP or UDP and their pseudo-header sum to nothing.</summary>
    public static bool IsRight(byte[] frame)
    {
        int header = frame[14] >> 4 == 4 ? 20 : 40;
        uint sum = (uint)Pseudo(frame) + Sum(frame.AsSpan(14 + header));
        return (sum & 0xFFFF) + (sum >> 16) == 0xFFFF;
    }
}
