using System.Runtime.InteropServices;

namespace VmBus.Protocol.Integration;

/// <summary>Text in a field of fixed length: UTF-16, little-endian, with a NUL at its end, then zeros.</summary>
public static class WideText
{
    /// <summary>Whether a text and its NUL have room in a field, and it has no NUL of its own.</summary>
    public static bool Fits(string text, int fieldBytes)
    {
        ArgumentNullException.ThrowIfNull(text);
        return (text.Length + 1) * 2 <= fieldBytes && !text.Contains('\0', StringComparison.Ordinal);
    }

    /// <summary>Reads up to the first NUL or the end, whichever comes first.</summary>
    public static string Read(ReadOnlySpan<byte> field)
    {
        ReadOnlySpan<char> characters = MemoryMarshal.Cast<byte, char>(field);
        int end = characters.IndexOf('\0');
        return new string(end < 0 ? characters : characters[..end]);
    }

    /// <summary>Writes a text that fits into a field of zeros.</summary>
    /// <returns>Bytes with the NUL.</returns>
    public static int Write(Span<byte> field, string text)
    {
        MemoryMarshal.AsBytes(text.AsSpan()).CopyTo(field[..^2]);
        return (text.Length + 1) * 2;
    }
}
