using System.Buffers.Binary;

namespace VmBus.Host.Devices;

/// <summary>What is before the text of a message that gives descriptors. Source: protocol-spec/given.md#message.</summary>
/// <param name="TextBytes">Bytes of the text that follows.</param>
/// <param name="Kind">What is given.</param>
/// <param name="DescriptorCount">Descriptors that come beside the message's first byte.</param>
/// <param name="DetailBytes">How many of the text's last bytes are the detail.</param>
public readonly record struct GivenHeader(int TextBytes, GivenKind Kind, int DescriptorCount, int DetailBytes)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 8;

    /// <summary>Most bytes of the text: a path of 4 KiB, every comma doubled, with all options.</summary>
    public const int MaximumTextBytes = 16 * 1024;

    /// <summary>What the receiver answers on a connection when it has taken a message.</summary>
    public const byte Taken = 1;

    /// <summary>The detail of a link that takes the place of one that was lost.</summary>
    public const string Renewed = "renewed";

    /// <summary>Reads a header.</summary>
    /// <returns>False when it is too short, or a length is not possible.</returns>
    public static bool TryRead(ReadOnlySpan<byte> source, out GivenHeader header)
    {
        header = default;
        if (source.Length < Size) return false;
        uint text = BinaryPrimitives.ReadUInt32LittleEndian(source);
        if (text > MaximumTextBytes) return false;
        header = new GivenHeader((int)text, (GivenKind)source[4], source[5], BinaryPrimitives.ReadUInt16LittleEndian(source[6..]));
        return header.DetailBytes <= header.TextBytes;
    }

    /// <summary>Writes the header.</summary>
    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target, (uint)TextBytes);
        target[4] = (byte)Kind;
        target[5] = (byte)DescriptorCount;
        BinaryPrimitives.WriteUInt16LittleEndian(target[6..], (ushort)DetailBytes);
    }
}
