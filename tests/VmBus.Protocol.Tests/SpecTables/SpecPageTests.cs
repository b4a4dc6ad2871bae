using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.SpecTables;

/// <summary>The parser of layout tables finds what is there and refuses pages that contradict themselves.</summary>
public sealed class SpecPageTests
{
    private const string Text = """
        # A page

        ## First message (v1.2)

        | offset | size | field |
        |---|---|---|
        | 0 | 2 | `kind` |
        | 2 | 2 | reserved |
        | 4 | 8·n | entries |

        ```
        | not | a | table |
        ```

        ## Kinds

        | value | name | note |
        |---|---|---|
        | 0x1 | **Red** | |
        | 2 | dark blue | a \| b |
        | 0x3 | (green) | |

        | bit | name |
        |---|---|
        | 3 | Fast |
        """;

    private enum Kind
    {
        None,
        Red = 1,
        DarkBlue = 2,
    }

    private enum Wrong
    {
        Red = 7,
        Yellow = 8,
    }

    [Fact]
    public void Layout_gives_offsets_sizes_and_end()
    {
        SpecLayout layout = SpecPage.Parse("a.md", Text).Layout("first-message-v12");
        Assert.Equal(4, layout.Bytes);
        Assert.Equal(0, layout.Offset("Kind"));
        Assert.Equal(2, layout.Size("kind"));
        Assert.Null(layout.Field("entries").Bytes);
        Assert.Throws<InvalidDataException>(() => layout.Size("entries"));
        Assert.Throws<InvalidDataException>(() => layout.Offset("nothing"));
        Assert.Equal(0x0201u, layout.Read([1, 2, 3, 4], "kind"));
    }

    [Fact]
    public void Numbers_agree_with_an_equal_enum_and_name_every_difference()
    {
        SpecNumbers numbers = SpecPage.Parse("a.md", Text).Numbers("kinds");
        Assert.Equal(2u, numbers["DarkBlue"]);
        Assert.Empty(numbers.DifferencesFrom<Kind>());
        Assert.Equal(
            ["Wrong.Red is 0x7, a.md#kinds says 0x1.", "a.md#kinds lacks Wrong.Yellow.", "Wrong lacks 'dark blue' of a.md#kinds."],
            numbers.DifferencesFrom<Wrong>());
    }

    [Fact]
    public void Second_table_has_index_one_and_bits_are_shifted()
        => Assert.Equal(8u, SpecPage.Parse("a.md", Text).Numbers("kinds", 1)["fast"]);

    [Fact]
    public void Cell_keeps_an_escaped_bar() => Assert.Equal("a | b", SpecPage.Parse("a.md", Text).Table("kinds").Cell(1, "note"));

    [Theory]
    [InlineData("| 0 | 2 | a |\n| 3 | 1 | b |")]
    [InlineData("| 0 | 2 | a |\n| 1 | 1 | b |")]
    [InlineData("| 4 | 2 | a |")]
    [InlineData("| zero | 2 | a |")]
    public void Layout_with_gap_overlap_or_late_start_is_refused(string rows)
    {
        SpecPage page = SpecPage.Parse("a.md", "# m\n| offset | size | field |\n|---|---|---|\n" + rows);
        Assert.Throws<InvalidDataException>(() => page.Layout("m"));
    }

    [Fact]
    public void Row_with_missing_cells_is_refused()
        => Assert.Throws<InvalidDataException>(() => SpecPage.Parse("a.md", "# m\n| a | b |\n|---|---|\n| 1 |"));

    [Fact]
    public void Missing_table_is_refused() => Assert.Throws<InvalidDataException>(() => SpecPage.Parse("a.md", Text).Table("a-page"));

    [Fact]
    public void Vector_text_has_bytes_runs_and_comments()
        => Assert.Equal([0x0A, 0xFF, 0, 0, 0], SpecVector.Parse("# head 12\n0a FF # tail\n00*3\n"));

    [Theory]
    [InlineData("0")]
    [InlineData("zz")]
    [InlineData("00*x")]
    [InlineData("00*1*2")]
    public void Vector_text_with_mistakes_is_refused(string text) => Assert.ThrowsAny<FormatException>(() => SpecVector.Parse(text));

    /// <summary>Every page parses, and every layout and numbers table on it is consistent.</summary>
    [Fact]
    public void All_pages_parse()
    {
        foreach (string file in Directory.GetFiles(Path.Combine(Repository.Root, "protocol-spec"), "*.md"))
        {
            SpecPage page = SpecPage.Load(Path.GetFileName(file));
            foreach (SpecTable table in page.Tables)
            {
                if (table.HasColumn("offset") && table.HasColumn("size") && table.HasColumn("field")) SpecLayout.From(table);
                if (table.HasColumn("name") && (table.HasColumn("value") || table.HasColumn("bit"))) SpecNumbers.From(table);
            }
        }
    }

    /// <summary>Every vector parses.</summary>
    [Fact]
    public void All_vectors_parse()
    {
        foreach (string file in Directory.GetFiles(Path.Combine(Repository.Root, "protocol-spec", "vectors"), "*.hex"))
        {
            string name = Path.GetFileNameWithoutExtension(file);
            if (name.StartsWith("captured-", StringComparison.Ordinal)) Assert.NotEmpty(SpecConversation.Load(name).Utterances);
            else Assert.NotEmpty(SpecVector.Load(name));
        }
    }
}
