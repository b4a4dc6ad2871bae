using System.Text.Json;
using System.Xml.Linq;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Cli.Conformance;
using VmBus.Conformance.Checks;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Rules;
using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.TestKit.SpecTables;
using Xunit;
using Xunit.Abstractions;

namespace VmBus.Conformance.Tests;

/// <summary>This project's host keeps every rule that there is a check for; its report says the same in every form.</summary>
public sealed class OwnHostTests(ITestOutputHelper output)
{
    private static readonly Lazy<ConformanceReport> Report = new(static () =>
    {
        using OwnHost host = OwnHost.Start(ProtocolVersion.V6_0, NullLogger.Instance);
        return new ConformanceRun(host.Transport, "own host") { Operator = host }.Run();
    });

    [Fact]
    public void Own_host_keeps_every_rule_that_there_is_a_check_for()
    {
        ConformanceReport report = Report.Value;
        var text = new StringWriter();
        ReportWriter.WriteText(report, text);
        output.WriteLine(text.ToString());
        Assert.Empty(report.Results.Where(static result => result.Verdict == RuleVerdict.Fail).Select(static result => $"{result.Rule.Id}: {result.Evidence}"));
        Assert.Equal(
            CheckList.ById.Keys.Order(StringComparer.Ordinal),
            report.Results.Where(static result => result.Verdict == RuleVerdict.Pass).Select(static result => result.Rule.Id).Order(StringComparer.Ordinal));
        Assert.Equal(RuleBook.All.Count, report.Results.Count);
        Assert.All(report.Results, static result => Assert.False(result.Evidence.Length == 0 || result.Evidence.Contains('\n', StringComparison.Ordinal), result.Rule.Id));
    }

    [Fact]
    public void Table_of_the_spec_is_what_the_command_prints()
    {
        string[] reports = Directory.GetFiles(Path.Combine(Repository.Root, "protocol-spec", "reports"), "*.json");
        Assert.NotEmpty(reports);
        ConformanceReport whole = reports.Aggregate(Report.Value, static (report, path) =>
        {
            using FileStream file = File.OpenRead(path);
            return report.With(ReportReader.ReadJson(file));
        });
        var table = new StringWriter();
        ReportWriter.WriteMarkdown(whole, table);
        string page = File.ReadAllText(Path.Combine(Repository.Root, "protocol-spec", "README.md"));
        Assert.True(
            page.Contains("`vmbus conformance --table --with protocol-spec/reports/*.json`", StringComparison.Ordinal) && page.Contains(table.ToString().ReplaceLineEndings("\n"), StringComparison.Ordinal),
            $"protocol-spec/README.md#rules has another table than 'vmbus conformance --table --with protocol-spec/reports/*.json' prints:\n{table}");
    }

    [Fact]
    public void Json_has_a_result_for_every_rule()
    {
        var stream = new MemoryStream();
        ReportWriter.WriteJson(Report.Value, stream);
        using var json = JsonDocument.Parse(stream.ToArray());
        Assert.Equal(RuleBook.All.Count, json.RootElement.GetProperty("rules").GetInt32());
        Assert.Equal(RuleBook.All.Select(static rule => rule.Id), json.RootElement.GetProperty("results").EnumerateArray().Select(static result => result.GetProperty("rule").GetString()));
        Assert.Equal(0, json.RootElement.GetProperty("fail").GetInt32());
    }

    [Fact]
    public void Junit_has_a_case_for_every_rule_and_skips_what_is_not_covered()
    {
        var stream = new MemoryStream();
        ReportWriter.WriteJunit(Report.Value, stream);
        stream.Position = 0;
        XElement suites = XDocument.Load(stream).Root!;
        Assert.Equal(RuleBook.All.Count, suites.Descendants("testcase").Count());
        Assert.Equal(Report.Value.Count(RuleVerdict.NotCovered), suites.Descendants("skipped").Count());
        Assert.Empty(suites.Descendants("failure"));
        Assert.Equal(RuleBook.All.Count.ToString(System.Globalization.CultureInfo.InvariantCulture), suites.Attribute("tests")!.Value);
    }

    [Fact]
    public void Older_host_is_held_against_what_it_speaks()
    {
        using OwnHost host = OwnHost.Start(ProtocolVersion.V4_1, NullLogger.Instance);
        ConformanceReport report = new ConformanceRun(host.Transport, "own host up to 4.1").Run(static id => id.StartsWith("CH-", StringComparison.Ordinal));
        Assert.Empty(report.Results.Where(static result => result.Verdict == RuleVerdict.Fail).Select(static result => $"{result.Rule.Id}: {result.Evidence}"));
        Assert.Equal(RuleVerdict.NotCovered, Assert.Single(report.Results, static result => result.Rule.Id == "CH-49").Verdict);
        Assert.Equal(RuleVerdict.Pass, Assert.Single(report.Results, static result => result.Rule.Id == "CH-2").Verdict);
    }

    [Fact]
    public void Report_of_a_broken_rule_shows_it_in_every_form()
    {
        var rule = new ConformanceRule("CH-1", "channel.md", RuleParty.Host, "answers");
        var report = new ConformanceReport("a host", [new RuleResult(rule, RuleVerdict.Fail, "nothing \u0001 came", TimeSpan.FromMilliseconds(12))]);
        var text = new StringWriter();
        ReportWriter.WriteText(report, text, everything: false);
        Assert.Contains("FAIL         CH-1   host answers", text.ToString(), StringComparison.Ordinal);
        Assert.Contains("a host: 1 of 1 rules covered, 1 broken.", text.ToString(), StringComparison.Ordinal);
        var junit = new MemoryStream();
        ReportWriter.WriteJunit(report, junit);
        junit.Position = 0;
        Assert.Equal("nothing ? came", Assert.Single(XDocument.Load(junit).Descendants("failure")).Attribute("message")!.Value);
        Assert.False(report.IsGreen);
    }
}
