using System.Reflection;

namespace VmBus.Conformance.Rules;

/// <summary>All rules of the protocol pages, as the pages of this build have them.</summary>
/// <remarks>Source: the tables with the columns rule, of and what; protocol-spec/README.md#rules.</remarks>
public static class RuleBook
{
    private static readonly Lazy<IReadOnlyList<ConformanceRule>> Rules = new(ReadPages);

    /// <summary>The rules, page by page in alphabetical order, in the order of each page.</summary>
    public static IReadOnlyList<ConformanceRule> All => Rules.Value;

    /// <summary>Reads the rules of one page.</summary>
    /// <param name="page">Its file name.</param>
    /// <param name="text">Its text.</param>
    /// <exception cref="InvalidDataException">A row of the table is no rule.</exception>
    public static IReadOnlyList<ConformanceRule> Parse(string page, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var rules = new List<ConformanceRule>();
        bool inside = false;
        foreach (string line in text.Split('\n'))
        {
            string[] cells = [.. line.Trim().Trim('|').Split('|').Select(static cell => cell.Trim())];
            bool isRow = line.StartsWith('|');
            if (!isRow || !inside)
            {
                inside = isRow && cells is ["rule", "of", "what"];
                continue;
            }

            if (cells.Length == 3 && cells[0].StartsWith("---", StringComparison.Ordinal)) continue;
            RuleParty? of = cells.ElementAtOrDefault(1) switch
            {
                "host" => RuleParty.Host,
                "guest" => RuleParty.Guest,
                _ => null,
            };
            if (cells.Length != 3 || of is null || !IsId(cells[0])) throw new InvalidDataException($"{page}: '{line}' is no rule.");
            rules.Add(new ConformanceRule(cells[0], page, of.Value, Plain(cells[2])));
        }

        return rules;
    }

    private static bool IsId(string text)
        => text.Split('-') is [{ Length: 2 } letters, var number] && letters.All(char.IsAsciiLetterUpper) && int.TryParse(number, out int value) && value > 0;

    private static string Plain(string text)
        => text.Replace("`", "", StringComparison.Ordinal).Replace("*", "", StringComparison.Ordinal);

    private static List<ConformanceRule> ReadPages()
    {
        Assembly assembly = typeof(RuleBook).Assembly;
        var rules = new List<ConformanceRule>();
        foreach (string page in assembly.GetManifestResourceNames().Where(static name => name.EndsWith(".md", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(page)!);
            rules.AddRange(Parse(page, reader.ReadToEnd()));
        }

        return rules;
    }
}
