using System.Globalization;
using System.Text;

namespace VmBus.TestKit.SpecTables;

/// <summary>A page of <c>protocol-spec/</c> whose tables tests hold the code against. The format is described in protocol-spec/README.md.</summary>
public sealed class SpecPage
{
    private readonly Dictionary<string, List<SpecTable>> _tables = new(StringComparer.Ordinal);

    private SpecPage(string name, IEnumerable<string> lines)
    {
        Name = name;
        Parse(lines);
    }

    /// <summary>File name, such as "ring.md".</summary>
    public string Name { get; }

    /// <summary>The anchors of all headings that have tables.</summary>
    public IReadOnlyCollection<string> Anchors => _tables.Keys;

    /// <summary>All tables of the page.</summary>
    public IEnumerable<SpecTable> Tables => _tables.Values.SelectMany(tables => tables);

    /// <summary>Reads <c>protocol-spec/NAME</c>.</summary>
    public static SpecPage Load(string name) => new(name, File.ReadLines(Path.Combine(Repository.Root, "protocol-spec", name)));

    /// <summary>Parses a page from text.</summary>
    public static SpecPage Parse(string name, string text) => new(name, text.Split('\n'));

    /// <summary>The table number <paramref name="index"/> under the heading with this anchor.</summary>
    /// <exception cref="InvalidDataException">There is no such heading or table.</exception>
    public SpecTable Table(string anchor, int index = 0)
        => _tables.TryGetValue(anchor, out List<SpecTable>? tables) && index < tables.Count
            ? tables[index]
            : throw new InvalidDataException($"{Name} has no table {index} under #{anchor}.");

    /// <summary>The table under a heading as a layout: columns offset, size and field.</summary>
    public SpecLayout Layout(string anchor, int index = 0) => SpecLayout.From(Table(anchor, index));

    /// <summary>The table under a heading as named numbers: columns value (or bit, for which 1 &lt;&lt; bit counts) and name.</summary>
    public SpecNumbers Numbers(string anchor, int index = 0) => SpecNumbers.From(Table(anchor, index));

    /// <summary>GitHub's anchor of a heading: lower case, spaces to dashes, and only letters, digits, '-' and '_' kept.</summary>
    public static string AnchorOf(string heading)
    {
        var anchor = new StringBuilder();
        foreach (char c in heading.Trim())
        {
            if (char.IsLetterOrDigit(c) || c is '-' or '_') anchor.Append(char.ToLower(c, CultureInfo.InvariantCulture));
            else if (c == ' ') anchor.Append('-');
        }

        return anchor.ToString();
    }

    private void Parse(IEnumerable<string> lines)
    {
        string anchor = "";
        List<string[]>? rows = null;
        bool code = false;
        foreach (string line in lines.Append(""))
        {
            string text = line.Trim();
            if (text.StartsWith("```", StringComparison.Ordinal)) code = !code;
            if (!code && text.StartsWith('|'))
            {
                (rows ??= []).Add(Cells(text));
                continue;
            }

            if (rows is { Count: >= 2 })
            {
                if (!_tables.TryGetValue(anchor, out List<SpecTable>? tables)) _tables.Add(anchor, tables = []);
                tables.Add(new SpecTable($"{Name}#{anchor}", rows[0], rows.Skip(2)));
            }

            rows = null;
            if (!code && text.StartsWith('#')) anchor = AnchorOf(text.TrimStart('#'));
        }
    }

    // A '|' inside a cell is written as '\|'.
    private static string[] Cells(string line)
        => [.. line.Replace("\\|", "\u0001", StringComparison.Ordinal).Trim('|').Split('|')
            .Select(cell => cell.Replace('\u0001', '|').Replace("`", "", StringComparison.Ordinal))
            .Select(cell => cell.Replace("**", "", StringComparison.Ordinal).Trim())];
}
