using System.Globalization;
using System.Text;

namespace VmBus.GuestTools;

/// <summary>Shows text that the host wrote, which may hold any character.</summary>
internal static class ShownText
{
    /// <summary>
    /// The text in one line, with everything escaped that a terminal or a log would act on or not show, and the backslash, so that the rest is told apart.
    /// What is longer than <paramref name="maximumCharacters"/> is cut off, which "…" shows.
    /// </summary>
    public static string Escape(string text, int maximumCharacters = int.MaxValue)
    {
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
