using System.Globalization;
using System.Text.Json;
using System.Xml;
using VmBus.Conformance.Rules;

namespace VmBus.Conformance.Reports;

/// <summary>Writes reports for people and for programs.</summary>
public static class ReportWriter
{
    /// <summary>One line for each rule, then a table by page and the sum.</summary>
    /// <param name="report">The report.</param>
    /// <param name="output">Where to.</param>
    /// <param name="everything">False leaves out the lines of rules that are kept.</param>
    public static void WriteText(ConformanceReport report, TextWriter output, bool everything = true)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(output);
        foreach (RuleResult result in report.Results)
        {
            if (!everything && result.Verdict == RuleVerdict.Pass) continue;
            output.WriteLine($"{Word(result.Verdict),-11}  {result.Rule.Id,-6} {Party(result.Rule.Of)} {result.Rule.Text}");
            output.WriteLine($"             {result.Evidence}");
        }

        output.WriteLine();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"page",-20} {"rules",6} {"pass",6} {"fail",6} {"not covered",12}"));
        foreach ((string name, int pass, int fail, int notCovered) in Counts(report))
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-20} {pass + fail + notCovered,6} {pass,6} {fail,6} {notCovered,12}"));
        int covered = report.Results.Count - report.Count(RuleVerdict.NotCovered);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.Name}: {covered} of {report.Results.Count} rules covered, {report.Count(RuleVerdict.Fail)} broken."));
    }

    /// <summary>The table by page alone, as Markdown.</summary>
    public static void WriteMarkdown(ConformanceReport report, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(output);
        output.WriteLine("| page | rules | pass | fail | not covered |");
        output.WriteLine("|---|---|---|---|---|");
        foreach ((string name, int pass, int fail, int notCovered) in Counts(report))
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {pass + fail + notCovered} | {pass} | {fail} | {notCovered} |"));
    }

    /// <summary>One object: host or guest, counts, and a list of rules.</summary>
    public static void WriteJson(ConformanceReport report, Stream output)
    {
        ArgumentNullException.ThrowIfNull(report);
        using var json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString(Party(report.Of), report.Name);
        json.WriteNumber("rules", report.Results.Count);
        json.WriteNumber("pass", report.Count(RuleVerdict.Pass));
        json.WriteNumber("fail", report.Count(RuleVerdict.Fail));
        json.WriteNumber("notCovered", report.Count(RuleVerdict.NotCovered));
        json.WriteStartArray("results");
        foreach (RuleResult result in report.Results)
        {
            json.WriteStartObject();
            json.WriteString("rule", result.Rule.Id);
            json.WriteString("page", result.Rule.Page);
            json.WriteString("of", Party(result.Rule.Of));
            json.WriteString("text", result.Rule.Text);
            json.WriteString("verdict", Word(result.Verdict));
            json.WriteString("evidence", result.Evidence);
            json.WriteNumber("milliseconds", (long)result.Time.TotalMilliseconds);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>JUnit XML: a suite for each page, a case for each rule; what is not covered is skipped.</summary>
    public static void WriteJunit(ConformanceReport report, Stream output)
    {
        ArgumentNullException.ThrowIfNull(report);
        using var xml = XmlWriter.Create(output, new XmlWriterSettings { Indent = true });
        xml.WriteStartElement("testsuites");
        xml.WriteAttributeString("name", report.Name);
        WriteCounts(xml, report.Results);
        foreach (IGrouping<string, RuleResult> page in report.Results.GroupBy(static result => result.Rule.Page, StringComparer.Ordinal))
        {
            xml.WriteStartElement("testsuite");
            xml.WriteAttributeString("name", page.Key);
            WriteCounts(xml, [.. page]);
            foreach (RuleResult result in page) WriteCase(xml, result);
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    private static void WriteCase(XmlWriter xml, RuleResult result)
    {
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("classname", result.Rule.Page);
        xml.WriteAttributeString("name", $"{result.Rule.Id} {Party(result.Rule.Of)} {result.Rule.Text}");
        xml.WriteAttributeString("time", result.Time.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture));
        if (result.Verdict != RuleVerdict.Pass)
        {
            xml.WriteStartElement(result.Verdict == RuleVerdict.Fail ? "failure" : "skipped");
            xml.WriteAttributeString("message", Printable(result.Evidence));
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    private static void WriteCounts(XmlWriter xml, IReadOnlyList<RuleResult> results)
    {
        xml.WriteAttributeString("tests", results.Count.ToString(CultureInfo.InvariantCulture));
        xml.WriteAttributeString("failures", results.Count(static result => result.Verdict == RuleVerdict.Fail).ToString(CultureInfo.InvariantCulture));
        xml.WriteAttributeString("skipped", results.Count(static result => result.Verdict == RuleVerdict.NotCovered).ToString(CultureInfo.InvariantCulture));
    }

    // By page, then the sum.
    private static IEnumerable<(string Name, int Pass, int Fail, int NotCovered)> Counts(ConformanceReport report)
        => report.Results.GroupBy(static result => result.Rule.Page, StringComparer.Ordinal).Select(static page => (Name: page.Key, Results: (IEnumerable<RuleResult>)page))
            .Append((Name: "all", Results: (IEnumerable<RuleResult>)report.Results))
            .Select(static part => (part.Name, Of(part.Results, RuleVerdict.Pass), Of(part.Results, RuleVerdict.Fail), Of(part.Results, RuleVerdict.NotCovered)));

    private static int Of(IEnumerable<RuleResult> results, RuleVerdict verdict) => results.Count(result => result.Verdict == verdict);

    // XML has no way to write most control characters.
    private static string Printable(string text) => string.Concat(text.Select(static c => XmlConvert.IsXmlChar(c) ? c : '?'));

    private static string Party(RuleParty of) => of == RuleParty.Host ? "host" : "guest";

    private static string Word(RuleVerdict verdict) => verdict switch
    {
        RuleVerdict.Pass => "pass",
        RuleVerdict.Fail => "FAIL",
        RuleVerdict.NotCovered => "not covered",
    };
}
