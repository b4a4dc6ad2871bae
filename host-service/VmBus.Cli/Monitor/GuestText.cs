using System.Globalization;
using System.Text;

namespace VmBus.Cli.Monitor;

/// <summary>Shows text that a guest wrote, which may hold any character.</summary>
internal static class GuestText
{
    /// <summary>
    /// The text with everything escaped that a terminal would act on or not show: control and format characters, line separators,
    /// characters that nobody has defined; and the backslash, so that the rest is told apart. Half of a
    /// surrogate pair shows as the replacement character.
    /// </summary>
    public static string Escape(string text)
    {
        var shown = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
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
