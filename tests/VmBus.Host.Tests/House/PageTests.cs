using System.Text.RegularExpressions;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Host.Tests.House;

/// <summary>The pages of protocol-spec/ are whole, short and lead where they say; the code refers to what is there. Source: protocol-spec/README.md.</summary>
public sealed partial class PageTests
{
    private const int MaximumLines = 500;
    private const string ReadMe = "README.md";

    // What a guest and a host say to each other; the others are maps of values, or what nobody else has.
    private static readonly string[] Wires =
    [
        "channel.md", "dynamic-memory.md", "integration-data.md", "integration.md", "network.md", "ring.md", "rndis.md", "sockets.md", "storage.md", "synic.md", "vhost-user.md", "virtio.md",
    ];

    private static readonly string[] OwnWires = ["control.md", "exec.md", "given.md", "loader.md", "service.md"];

    private static readonly string Folder = Path.Combine(SourceTree.Root, "protocol-spec");

    private static readonly Dictionary<string, Page> Pages = Directory.GetFiles(Folder, "*.md").Select(Page.Read).ToDictionary(static page => page.Name, StringComparer.Ordinal);

    public static TheoryData<string> WirePages => [.. Wires.Concat(OwnWires)];

    [Fact]
    public void Pages_fit_in_the_head() => Assert.Empty(Pages.Values.Where(static page => page.Lines.Length > MaximumLines).Select(static page => $"{page.Name}: {page.Lines.Length} lines"));

    [Fact]
    public void Every_page_is_listed_and_no_other()
        => Assert.Equal(Pages.Keys.Where(static name => name != ReadMe).Order(StringComparer.Ordinal), Listed(SpecPage.Load(ReadMe).Table("protocol-pages")).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_page_names_its_sources()
        => Assert.Empty(Pages.Values.Where(static page => page.Name is not (ReadMe or "control-maps.md") && !page.Headings.Contains("Sources")).Select(static page => page.Name));

    [Theory]
    [MemberData(nameof(WirePages))]
    public void Wire_page_has_sequence_states_errors_and_version_differences(string name)
    {
        Page page = Pages[name];
        Assert.Contains("Sequence", page.Headings);
        Assert.Contains("Errors", page.Headings);
        Assert.Contains("Version differences", page.Headings);
        Assert.Contains(page.Headings, static heading => heading.EndsWith("tates", StringComparison.Ordinal));
        if (Wires.Contains(name)) Assert.Contains(page.Headings, static heading => heading.StartsWith("What ", StringComparison.Ordinal) && heading.EndsWith(" do differently", StringComparison.Ordinal));
    }

    [Fact]
    public void Links_between_pages_lead_somewhere()
        => Assert.Empty(Pages.Values.SelectMany(static page => Link().Matches(page.Text)
            .Where(static link => !link.Groups[1].Value.Contains('/', StringComparison.Ordinal))
            .Where(link => !Exists(link.Groups[1].Value is { Length: > 0 } target ? target : page.Name, link.Groups[2].Value))
            .Select(link => $"{page.Name}: {link.Value}")));

    [Fact]
    public void References_of_the_code_to_pages_lead_somewhere()
    {
        var texts = new[] { "*.cs", "*.md", "*.c", "*.h", "*.sh", "*.lua" }.SelectMany(SourceTree.SourceFiles)
            .Append((Path: "README.md", Text: File.ReadAllText(Path.Combine(SourceTree.Root, "README.md"))))
            .Concat(Pages.Values.Select(static page => (Path: $"protocol-spec/{page.Name}", page.Text)));
        Assert.Empty(texts.SelectMany(static file => Reference().Matches(file.Text)
            .Where(static reference => !Exists(reference.Groups[1].Value, reference.Groups[2].Value))
            .Select(reference => $"{file.Path}: {reference.Value}")));
    }

    [Fact]
    public void Tests_of_state_tables_are_there()
    {
        SpecTable table = SpecPage.Load(ReadMe).Table("state-tables");
        string[] tests = [.. SourceTree.SourceFiles("*Tests.cs").Select(static file => Path.GetFileNameWithoutExtension(file.Path))];
        Assert.Empty(Enumerable.Range(0, table.RowCount).Select(row => table.Cell(row, "test")).Except(tests));
    }

    private static bool Exists(string name, string anchor) => Pages.TryGetValue(name, out Page? page) && (anchor.Length == 0 || page.Anchors.Contains(anchor));

    private static IEnumerable<string> Listed(SpecTable table) => Enumerable.Range(0, table.RowCount).Select(row => Link().Match(table.Cell(row, "page")).Groups[1].Value);

    // A target without a scheme: a page, a heading, or both.
    [GeneratedRegex(@"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)")]
    private static partial Regex Link();

    [GeneratedRegex("protocol-spec/([A-Za-z-]+\\.md)(?:#([a-z0-9_-]+))?")]
    private static partial Regex Reference();

    private sealed record Page(string Name, string Text, string[] Lines, HashSet<string> Headings)
    {
        public HashSet<string> Anchors { get; } = [.. Headings.Select(SpecPage.AnchorOf)];

        public static Page Read(string path)
        {
            string text = File.ReadAllText(path);
            string[] lines = text.TrimEnd('\n').Split('\n');
            bool code = false;
            var headings = new HashSet<string>(StringComparer.Ordinal);
            foreach (string line in lines)
            {
                if (line.StartsWith("```", StringComparison.Ordinal)) code = !code;
                if (!code && line.StartsWith('#')) headings.Add(line.TrimStart('#').Trim());
            }

            return new Page(Path.GetFileName(path), text, lines, headings);
        }
    }
}
