using System.Globalization;
using System.Text;

namespace VmBus.Protocol.Text;

/// <summary>Shows text that the other side of the bus wrote, which may hold any character. Any thread.</summary>
public static class PeerText
{
    /// <summary>
    /// The text in one line, with everything escaped that a terminal or a log would act on or not show: control and format characters, line separators,
    /// characters that nobody has defined; and the backslash, so that the rest is told apart. Half of a surrogate pair shows as the replacement character.
    /// </summary>
    /// <param name="text">What was written.</param>
    /// <param name="maximumCharacters">What is longer is cut off, which "…" shows.</param>
    public static string Escape(string text, int maximumCharacters = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(text);
        var shown = new StringBuilder(Math.Min(text.Length, maximumCharacters));
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (shown.Length >= maximumCharacters) return shown.Append('…').ToString();
            if (rune.Value == '\\') shown.Append(@"\\");
            else if (IsShown(rune)) shown.Append(rune);
            else shown.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}");
        }

        return shown.ToString();
    }

    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned => false,
        _ => true,
    };
}
