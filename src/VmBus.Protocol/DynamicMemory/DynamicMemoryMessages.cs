using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.DynamicMemory;

/// <summary>Bodies of messages, behind <see cref="DynamicMemoryHeader"/>. Source: protocol-spec/dynamic-memory.md.</summary>
public static class DynamicMemoryMessages
{
    /// <summary>Bytes of VERSION_REQUEST and of every message with one word for a body.</summary>
    public const int WordSize = 16;

    /// <summary>Bytes of CAPABILITIES_REPORT.</summary>
    public const int CapabilitiesSize = 32;

    /// <summary>Bytes of UNBALLOON_RESPONSE.</summary>
    public const int UnballoonResponseSize = DynamicMemoryHeader.Size;

    /// <summary>Bytes of BALLOON_RESPONSE and UNBALLOON_REQUEST before their ranges.</summary>
    public const int RangesOffset = 16;

    /// <summary>Ranges that fit into a message.</summary>
    public const int MaximumRanges = (DynamicMemoryHeader.MaximumBytes - RangesOffset) / PageRange.Size;

    /// <summary>The units in which memory can be added: 128 MiB where the guest names none.</summary>
    public const long SmallestHotAddBytes = 128L << 20;

    private const int AlignmentShift = 2;
    private const int AlignmentMask = 0xF;

    /// <summary>Reads a version, major &lt;&lt; 16 | minor, and whether the guest has no other. False when short.</summary>
    public static bool TryReadVersion(ReadOnlySpan<byte> message, out uint version, out bool isLast)
    {
        bool whole = message.Length >= WordSize;
        version = whole ? ReadUInt32LittleEndian(message[8..]) : 0;
        isLast = whole && (ReadUInt32LittleEndian(message[12..]) & 1) != 0;
        return whole;
    }

    /// <summary>Reads what the driver can do, and in what units it takes new memory. False when short.</summary>
    public static bool TryReadCapabilities(ReadOnlySpan<byte> message, out DynamicMemoryCapabilities capabilities, out long hotAddBytes)
    {
        bool whole = message.Length >= CapabilitiesSize;
        ulong word = whole ? ReadUInt64LittleEndian(message[8..]) : 0;
        capabilities = (DynamicMemoryCapabilities)word & (DynamicMemoryCapabilities.Balloon | DynamicMemoryCapabilities.HotAdd);
        hotAddBytes = Math.Max(SmallestHotAddBytes, 1L << (20 + (int)((word >> AlignmentShift) & AlignmentMask)));
        return whole;
    }

    /// <summary>Reads the head of BALLOON_RESPONSE: whether more follow, and how many ranges there are. False when the ranges are not all there.</summary>
    public static bool TryReadRanges(ReadOnlySpan<byte> message, out bool more, out int count)
    {
        uint word = message.Length >= RangesOffset ? ReadUInt32LittleEndian(message[12..]) : 0;
        more = (word & 1) != 0;
        count = (int)(word >> 1);
        return message.Length >= RangesOffset && count <= (message.Length - RangesOffset) / PageRange.Size;
    }

    /// <summary>Reads how many pages of new memory the guest uses, and whether asking again for the rest makes sense. False when short.</summary>
    public static bool TryReadHotAdd(ReadOnlySpan<byte> message, out uint pages, out bool isFinal)
    {
        bool whole = message.Length >= WordSize;
        pages = whole ? ReadUInt32LittleEndian(message[8..]) : 0;
        isFinal = whole && ReadUInt32LittleEndian(message[12..]) != 0;
        return whole;
    }

    /// <summary>Writes a message whose body is one 64-bit word.</summary>
    public static void WriteWord(Span<byte> message, DynamicMemoryMessageType type, uint transaction, ulong word)
    {
        new DynamicMemoryHeader(type, WordSize, transaction).Write(message);
        WriteUInt64LittleEndian(message[8..], word);
    }

    /// <summary>Writes UNBALLOON_REQUEST.</summary>
    /// <returns>Its bytes.</returns>
    public static int WriteUnballoon(Span<byte> message, uint transaction, bool more, ReadOnlySpan<PageRange> ranges)
    {
        int bytes = RangesOffset + (ranges.Length * PageRange.Size);
        new DynamicMemoryHeader(DynamicMemoryMessageType.UnballoonRequest, bytes, transaction).Write(message);
        WriteUInt32LittleEndian(message[8..], more ? 1u : 0u);
        WriteUInt32LittleEndian(message[12..], (uint)ranges.Length);
        for (int i = 0; i < ranges.Length; i++) ranges[i].Write(message[(RangesOffset + (i * PageRange.Size))..]);
        return bytes;
    }
}
