using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;

namespace VmBus.Capture;

/// <summary>Packets as they lie in the ring, without the trailer, and the memory that they name.</summary>
internal static class RingPackets
{
    /// <summary>A packet that was received.</summary>
    public static byte[] ToArray(in RingPacket packet)
    {
        PacketDescriptor descriptor = packet.Descriptor;
        var bytes = new byte[descriptor.TotalBytes];
        descriptor.Write(bytes);
        packet.Header.CopyTo(bytes.AsSpan(PacketDescriptor.Size));
        packet.Payload.CopyTo(bytes.AsSpan(descriptor.HeaderBytes));
        return bytes;
    }

    /// <summary>A packet that is about to be sent.</summary>
    public static byte[] ToArray(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
    {
        int payloadAt = PacketDescriptor.Size + header.Length;
        int total = (payloadAt + payload.Length + PacketDescriptor.Alignment - 1) / PacketDescriptor.Alignment * PacketDescriptor.Alignment;
        var bytes = new byte[total];
        new PacketDescriptor(type, payloadAt, total, flags, transactionId).Write(bytes);
        header.CopyTo(bytes.AsSpan(PacketDescriptor.Size));
        payload.CopyTo(bytes.AsSpan(payloadAt));
        return bytes;
    }

    /// <summary>The guest memory that a GPA-direct packet's ranges name, in their order.</summary>
    public static List<(Gpa Start, int Bytes)> Pieces(ReadOnlySpan<byte> header)
    {
        var pieces = new List<(Gpa Start, int Bytes)>();
        if (!GpaRange.TryReadCount(ref header, out uint count)) return pieces;
        for (; count > 0 && GpaRange.TryRead(ref header, out GpaRange range); count--)
        {
            int offset = range.Offset;
            int left = range.Bytes;
            for (int page = 0; page < range.PageCount; page++)
            {
                int step = Math.Min(left, Gpa.PageBytes - offset);
                pieces.Add((Gpa.FromPage(range.Page(page)) + (ulong)offset, step));
                left -= step;
                offset = 0;
            }
        }

        return pieces;
    }
}
