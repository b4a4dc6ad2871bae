using System.Globalization;

namespace VmBus.Cli.Options;

/// <summary>Reads sizes as people write them: digits and an optional K, M, G or T, powers of 1024.</summary>
internal static class SizeParser
{
    /// <summary>Parses <paramref name="text"/>.</summary>
    /// <param name="text">Such as <c>2G</c>, <c>512M</c> or <c>1048576</c>.</param>
    /// <param name="bytes">The size in bytes.</param>
    /// <returns>False when the text is no size or does not fit 63 bits.</returns>
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        if (text.Length == 0) return false;
        int shift = char.ToUpperInvariant(text[^1]) switch
        {
            'K' => 10,
            'M' => 20,
            'G' => 30,
            'T' => 40,
            _ => 0,
        };
        string digits = shift == 0 ? text : text[..^1];
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long number)) return false;
        if (number > long.MaxValue >> shift) return false;
        bytes = number << shift;
        return true;
    }

    /// <summary>Writes <paramref name="bytes"/> so that <see cref="TryParse"/> reads exactly that: with the largest suffix that divides it.</summary>
    public static string Format(long bytes)
    {
        const string Suffixes = "KMGT";
        int used = 0;
        while (used < Suffixes.Length && bytes != 0 && bytes % 1024 == 0)
        {
            bytes /= 1024;
            used++;
        }

        return bytes.ToString(CultureInfo.InvariantCulture) + (used == 0 ? "" : Suffixes[used - 1].ToString());
    }
}
