using System.Buffers.Binary;

namespace VmBus.Management.Framing;

/// <summary>What is before every message: its length in bytes, 32 bits, little-endian. Source: protocol-spec/control.md#frame.</summary>
public readonly record struct FrameHeader(uint MessageBytes)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 4;

    /// <summary>Most bytes of a request: a path of 4 KiB in every place that takes one, many times over.</summary>
    public const int MaximumRequestBytes = 64 * 1024;

    /// <summary>Most bytes of a response or an event: 2047 channels with all their counters.</summary>
    public const int MaximumReplyBytes = 2 * 1024 * 1024;

    /// <summary>Reads a header.</summary>
    /// <returns>False when there are fewer than <see cref="Size"/> bytes.</returns>
    public static bool TryRead(ReadOnlySpan<byte> source, out FrameHeader header)
    {
        bool enough = BinaryPrimitives.TryReadUInt32LittleEndian(source, out uint bytes);
        header = new FrameHeader(bytes);
        return enough;
    }

    /// <summary>Writes the header.</summary>
    public void Write(Span<byte> target) => BinaryPrimitives.WriteUInt32LittleEndian(target, MessageBytes);
}
