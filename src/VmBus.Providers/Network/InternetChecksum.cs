using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace VmBus.Providers.Network;

/// <summary>The Internet checksum. Sums are of words as the bytes lie, so they are written back as they are. Source: RFC 1071.</summary>
internal static class InternetChecksum
{
    /// <summary>Adds bytes to a sum; only the last piece may have an odd length.</summary>
    public static ulong Add(ReadOnlySpan<byte> bytes, ulong sum = 0)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        // At most 64 KiB: the halves of 8192 words do not overflow.
        foreach (ulong word in words) sum += (uint)word + (word >> 32);
        bytes = bytes[(words.Length * sizeof(ulong))..];
        while (bytes.Length >= sizeof(ushort))
        {
            sum += BinaryPrimitives.ReadUInt16LittleEndian(bytes);
            bytes = bytes[sizeof(ushort)..];
        }

        return bytes.Length == 0 ? sum : sum + bytes[0];
    }

    /// <summary>Adds a number as it stands in a header.</summary>
    public static ulong AddWord(ushort value, ulong sum) => sum + BinaryPrimitives.ReverseEndianness(value);

    /// <summary>The sum in 16 bits, to be written little-endian.</summary>
    public static ushort Fold(ulong sum)
    {
        while (sum > ushort.MaxValue) sum = (sum & ushort.MaxValue) + (sum >> 16);
        return (ushort)sum;
    }

    /// <summary>The checksum that makes everything sum to nothing.</summary>
    public static ushort Finish(ulong sum) => (ushort)~Fold(sum);
}
