using System.Text;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Rules;
using Xunit;

namespace VmBus.Conformance.Tests;

/// <summary>Reports are read as they were written, and joined so that nothing broken is lost and nothing seen is.</summary>
public sealed class ReportTests
{
    private static readonly ConformanceRule Rule = RuleBook.All.First(static rule => rule.Id == "SY-10");

    [Fact]
    public void Report_that_was_written_is_read_again()
    {
        var written = new ConformanceReport("a \"guest\"", [.. RuleBook.All.Select(static (rule, i) => new RuleResult(rule, (RuleVerdict)(i % 3), $"evidence {i}", TimeSpan.Zero))]) { Of = RuleParty.Guest };
        var stream = new MemoryStream();
        ReportWriter.WriteJson(written, stream);
        stream.Position = 0;
        ConformanceReport read = ReportReader.ReadJson(stream);
        Assert.Equal((written.Name, written.Of), (read.Name, read.Of));
        Assert.Equal(written.Results, read.Results);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"host\":\"x\"}")]
    [InlineData("{\"host\":\"x\",\"results\":[1]}")]
    [InlineData("{\"host\":\"x\",\"results\":[{\"rule\":\"SY-10\",\"verdict\":\"maybe\",\"evidence\":\"\"}]}")]
    [InlineData("{\"host\":\"x\",\"results\":[{\"rule\":\"SY-10\",\"verdict\":\"pass\"}]}")]
    public void What_is_no_report_is_refused(string text) => Assert.Throws<InvalidDataException>(() => Read(text));

    [Fact]
    public void Endless_report_is_refused() => Assert.Throws<InvalidDataException>(() => Read(new string(' ', ReportReader.MaximumBytes + 1)));

    [Fact]
    public void Rules_of_another_release_are_passed_over()
        => Assert.Equal("SY-10", Assert.Single(Read("{\"host\":\"x\",\"more\":1,\"results\":[{\"rule\":\"ZZ-1\",\"verdict\":\"pass\",\"evidence\":\"\"},{\"rule\":\"SY-10\",\"verdict\":\"pass\",\"evidence\":\"seen\"}]}").Results).Rule.Id);

    [Theory]
    [InlineData(RuleVerdict.NotCovered, RuleVerdict.Pass, RuleVerdict.Pass)]
    [InlineData(RuleVerdict.NotCovered, RuleVerdict.Fail, RuleVerdict.Fail)]
    [InlineData(RuleVerdict.NotCovered, RuleVerdict.NotCovered, RuleVerdict.NotCovered)]
    [InlineData(RuleVerdict.Pass, RuleVerdict.NotCovered, RuleVerdict.Pass)]
    [InlineData(RuleVerdict.Pass, RuleVerdict.Pass, RuleVerdict.Pass)]
    [InlineData(RuleVerdict.Pass, RuleVerdict.Fail, RuleVerdict.Fail)]
    [InlineData(RuleVerdict.Fail, RuleVerdict.Pass, RuleVerdict.Fail)]
    public void Joined_reports_say_the_worst_that_was_seen(RuleVerdict mine, RuleVerdict others, RuleVerdict joined)
        => Assert.Equal(joined, Assert.Single(Report("mine", mine).With(Report("others", others)).Results).Verdict);

    [Fact]
    public void Evidence_of_another_report_says_whose_it_is()
        => Assert.Equal("others: seen", Assert.Single(Report("mine", RuleVerdict.NotCovered).With(Report("others", RuleVerdict.Pass)).Results).Evidence);

    [Fact]
    public void Rules_that_were_not_asked_about_are_not_added()
        => Assert.Empty(new ConformanceReport("mine", []).With(Report("others", RuleVerdict.Pass)).Results);

    [Fact]
    public void Rule_that_is_in_a_report_twice_is_broken_when_it_is_once()
    {
        var twice = new ConformanceReport("others", [new RuleResult(Rule, RuleVerdict.Pass, "kept", TimeSpan.Zero), new RuleResult(Rule, RuleVerdict.Fail, "broken", TimeSpan.Zero)]);
        RuleResult result = Assert.Single(Report("mine", RuleVerdict.NotCovered).With(twice).Results);
        Assert.Equal((RuleVerdict.Fail, "others: broken"), (result.Verdict, result.Evidence));
    }

    private static ConformanceReport Report(string name, RuleVerdict verdict) => new(name, [new RuleResult(Rule, verdict, "seen", TimeSpan.Zero)]);

    private static ConformanceReport Read(string text) => ReportReader.ReadJson(new MemoryStream(Encoding.UTF8.GetBytes(text)));
}
