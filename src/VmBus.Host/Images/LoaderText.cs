using System.Globalization;
using System.Text;

namespace VmBus.Host.Images;

/// <summary>Text that comes from inside a partition, made fit for a terminal.</summary>
internal static class LoaderText
{
    /// <summary>One line without control, format and other characters that are not to be seen.</summary>
    public static string Clean(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool hidden = Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;
            clean.Append(hidden ? " " : rune.ToString());
        }

        return clean.ToString().Trim();
    }
}
