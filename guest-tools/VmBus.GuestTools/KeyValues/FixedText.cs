using System.Text;

namespace VmBus.GuestTools.KeyValues;

/// <summary>Text in a field of fixed length: UTF-8 with a NUL at its end, then zeros.</summary>
internal static class FixedText
{
    /// <summary>Whether a text and its NUL have room in a field, and it has no NUL of its own.</summary>
    public static bool Fits(string text, int fieldBytes)
        => !text.Contains('\0', StringComparison.Ordinal) && Encoding.UTF8.GetByteCount(text) < fieldBytes;

    /// <summary>Reads up to the first NUL or the end, whichever comes first; what is no UTF-8 reads as replacement characters.</summary>
    public static string Read(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    /// <summary>Fills a field. What does not fit is cut off between characters.</summary>
    /// <returns>Bytes of the text with its NUL.</returns>
    public static int Write(Span<byte> field, string text)
    {
        field.Clear();
        Encoding.UTF8.GetEncoder().Convert(text, field[..^1], flush: true, out _, out int bytes, out _);
        return bytes + 1;
    }
}
