using VmBus.Conformance.Checks;
using VmBus.Conformance.Rules;
using VmBus.TestKit.SpecTables;
using Xunit;
using Xunit.Abstractions;

namespace VmBus.Conformance.Tests;

/// <summary>The rules of the pages and the checks: neither knows one that the other does not.</summary>
public sealed class RuleBookTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_rule_of_a_host_is_checked_or_listed_with_a_reason()
    {
        ConformanceRule[] unknown = [.. RuleBook.All.Where(static rule => rule.Of == RuleParty.Host && !CheckList.ById.ContainsKey(rule.Id) && !CheckList.KnownGaps.Contains(rule.Id))];
        Assert.Empty(unknown);
        Assert.All(RuleBook.All.Where(static rule => !CheckList.ById.ContainsKey(rule.Id)), static rule => Assert.NotEqual("There is no check.", CheckList.WhyNotChecked(rule)));
        output.WriteLine($"{CheckList.ById.Count} of {RuleBook.All.Count} rules have a check, {RuleBook.All.Count(static rule => rule.Of == RuleParty.Host)} are a host's.");
    }

    [Fact]
    public void Every_check_is_held_against_a_host_that_breaks_its_rule()
    {
        IEnumerable<object[]>[] broken = [BrokenHostTests.Rules, BrokenStorageTests.Rules, BrokenDeviceTests.Rules];
        IEnumerable<string> proven = broken.SelectMany(static rules => rules.Select(static row => (string)row[0]));
        Assert.Equal(CheckList.ById.Keys.Order(StringComparer.Ordinal), proven.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void No_check_and_no_gap_is_about_a_rule_that_there_is_not()
    {
        HashSet<string> ids = [.. RuleBook.All.Select(static rule => rule.Id)];
        Assert.Empty(CheckList.ById.Keys.Except(ids));
        Assert.Empty(CheckList.KnownGaps.Except(ids));
        Assert.Empty(CheckList.KnownGaps.Intersect(CheckList.ById.Keys));
    }

    [Fact]
    public void Ids_are_unique_and_those_of_a_page_have_its_letters()
    {
        Assert.Equal(RuleBook.All.Count, RuleBook.All.Select(static rule => rule.Id).Distinct().Count());
        foreach (IGrouping<string, ConformanceRule> page in RuleBook.All.GroupBy(static rule => rule.Page))
            Assert.Single(page.Select(static rule => rule.Id[..2]).Distinct());
        foreach (IGrouping<string, ConformanceRule> letters in RuleBook.All.GroupBy(static rule => rule.Id[..2]))
            Assert.Single(letters.Select(static rule => rule.Page).Distinct());
    }

    [Fact]
    public void Rules_built_in_are_those_of_the_pages()
    {
        string folder = Path.Combine(Repository.Root, "protocol-spec");
        var pages = Directory.GetFiles(folder, "*.md").Where(static file => Path.GetFileName(file) != "README.md")
            .SelectMany(static file => RuleBook.Parse(Path.GetFileName(file), File.ReadAllText(file)));
        Assert.Equal(pages.OrderBy(static rule => rule.Id, StringComparer.Ordinal), RuleBook.All.OrderBy(static rule => rule.Id, StringComparer.Ordinal));
        Assert.True(RuleBook.All.Count > 150);
    }

    [Theory]
    [InlineData("| CH-1 | nobody | does it |")]
    [InlineData("| CH-0 | host | does it |")]
    [InlineData("| channel-1 | host | does it |")]
    [InlineData("| CH-1 | host | does it | more |")]
    public void Row_that_is_no_rule_is_refused(string row)
        => Assert.Throws<InvalidDataException>(() => RuleBook.Parse("page.md", $"| rule | of | what |\n|---|---|---|\n{row}\n"));

    [Fact]
    public void Other_tables_and_text_hold_no_rules()
    {
        const string Page = "| value | name |\n|---|---|\n| 1 | one |\n\n| rule | of | what |\n|---|---|---|\n| CH-7 | guest | says *please* |\n\n| a | b | c |\n|---|---|---|\n| CH-8 | host | x |\n";
        ConformanceRule rule = Assert.Single(RuleBook.Parse("page.md", Page));
        Assert.Equal(new ConformanceRule("CH-7", "page.md", RuleParty.Guest, "says please"), rule);
    }
}
