using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.VhostUser;

/// <summary>Start of every message: 12 bytes, little-endian.</summary>
/// <remarks>[0) request u32 · [4) flags u32 · [8) payload bytes u32. Source: protocol-spec/vhost-user.md#header.</remarks>
public readonly record struct VhostUserHeader(uint Request, uint Flags, int PayloadBytes)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 12;

    /// <summary>Most bytes of a payload: a table of as many regions as one message carries descriptors takes a quarter of it.</summary>
    public const int MaximumPayloadBytes = 4096;

    /// <summary>Bits of <see cref="Flags"/> that hold the version, which is 1.</summary>
    public const uint VersionMask = 3;

    /// <summary>The only version.</summary>
    public const uint Version = 1;

    /// <summary>This is a reply.</summary>
    public const uint Reply = 4;

    /// <summary>A message without a reply of its own is answered with a u64, 0 for success.</summary>
    public const uint NeedReply = 8;

    /// <summary>Whether the sender waits for an answer to a message that has none of its own.</summary>
    public bool NeedsReply => (Flags & NeedReply) != 0;

    /// <summary>Reads a header. False when short, of another version, a reply, or longer than is taken.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out VhostUserHeader value) => TryParse(source, out value) && (value.Flags & Reply) == 0;

    /// <summary>Reads the header of a reply. False when short, of another version, no reply, or longer than is taken.</summary>
    public static bool TryReadReply(ReadOnlySpan<byte> source, out VhostUserHeader value) => TryParse(source, out value) && (value.Flags & Reply) != 0;

    /// <summary>Writes the header.</summary>
    public void Write(Span<byte> target)
    {
        WriteUInt32LittleEndian(target, Request);
        WriteUInt32LittleEndian(target[4..], Flags);
        WriteUInt32LittleEndian(target[8..], (uint)PayloadBytes);
    }

    private static bool TryParse(ReadOnlySpan<byte> source, out VhostUserHeader value)
    {
        value = default;
        if (source.Length < Size) return false;
        uint bytes = ReadUInt32LittleEndian(source[8..]);
        uint flags = ReadUInt32LittleEndian(source[4..]);
        value = new(ReadUInt32LittleEndian(source), flags, (int)Math.Min(bytes, int.MaxValue));
        return (flags & VersionMask) == Version && bytes <= MaximumPayloadBytes;
    }
}
