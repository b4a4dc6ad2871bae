using System.Text.RegularExpressions;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>A disk on VMBus answers SCSI commands as libiscsi's test suite and sg3-utils expect, through an unmodified Debian.</summary>
[Collection(TestbedCollection.Name)]
public sealed partial class ScsiConformanceTests(ScsiConformanceRun run) : IClassFixture<ScsiConformanceRun>
{
    private static readonly SpecPage Page = SpecPage.Load("scsi.md");

    [FullFact]
    public async Task Suite_runs_to_its_end_and_fails_only_what_the_page_explains()
    {
        string output = (await run.Sections)["suite"];

        // The tool's own status is 1 when any test fails.
        Assert.Matches("status [01]$", output);
        Assert.Matches(@"\n +tests +(?<total>[0-9]{3}) +\k<total> ", output);
        Assert.Equal(Column(Page.Table("conformance"), "failure"), Failures(output));
    }

    /// <summary>Without this, a lost command would only turn its tests into tests that are left out.</summary>
    [FullFact]
    public async Task Suite_leaves_out_only_what_the_page_explains()
    {
        string output = (await run.Sections)["suite"];

        string[] explained = [.. Column(Page.Table("conformance", 1), "message")];
        Assert.All(
            Skip().Matches(output).Select(match => match.Groups["message"].Value),
            message => Assert.Contains(explained, part => message.Contains(part, StringComparison.Ordinal)));
    }

    [FullTheory]
    [InlineData("pages", @"\[sv\]\s.*\[sn\]\s.*\[di\]\s.*\[bl\]\s.*\[bdc\]\s.*\[lbpv\]\s.*status 0$")]
    [InlineData("sn", "Unit serial number: [0-9a-f]{32}\n")]
    [InlineData("di", @"\n +0x60022480[0-9a-f]{24}\n.*vendor id: Msft")]
    [InlineData("bl", @"\(WSNZ\): 1\n.*compare and write length: 255 blocks\n.*unmap block descriptor count: 256\n.*write same length: 0x7fffff blocks")]
    [InlineData("bdc", "Non-rotating medium")]
    [InlineData("lbpv", @"\(LBPU\): 1\n.*\(LBPWS\): 1\n.*\(LBPWS10\): 1\n.*Provisioning type: 2")]
    [InlineData("modes", "WP=0, DpoFua=1.*Caching.*\n 00 +08 12 04 .*Control,.*Informational exceptions")]
    [InlineData("readiness", "status 0$")]
    public async Task Tool_reads_a_sane_answer(string part, string answer) => await AssertAnswerAsync(part, answer);

    [FullTheory]
    [InlineData("capabilities", "Compatible Reservation Handling.*: 0\n.*Exclusive Access: 1\n.*status 0$")]
    [InlineData("register", "status 0$")]
    [InlineData("registered", "1 registered reservation key follows:\n +0x1234\n")]
    [InlineData("reserve", "status 0$")]
    [InlineData("reserved", "Key=0x1234\n.*type: Write Exclusive, registrants only\n")]
    [InlineData("status", "Key=0x1234\n.*Reservation holder >>\n")]
    [InlineData("release", "status 0$")]
    [InlineData("released", "there is NO reservation held\n")]
    [InlineData("unregister", "status 0$")]
    [InlineData("unregistered", "there are NO registered reservation keys\n")]
    public async Task Reservation_is_registered_held_and_given_back(string part, string answer) => await AssertAnswerAsync(part, answer);

    /// <summary>Exit statuses of sg3-utils: 14 is MISCOMPARE, 22 is LOGICAL BLOCK ADDRESS OUT OF RANGE.</summary>
    [FullTheory]
    [InlineData("unmap", "status 0$")]
    [InlineData("unmapped", "^status 0$")]
    [InlineData("same", "status 0$")]
    [InlineData("written", "^status 0$")]
    [InlineData("equal", "status 0$")]
    [InlineData("different", "status 14$")]
    [InlineData("freed", "status 0$")]
    [InlineData("empty", "^status 0$")]
    [InlineData("verify", "status 0$")]
    [InlineData("beyond", "status 22$")]
    public async Task Blocks_are_freed_repeated_and_compared(string part, string answer) => await AssertAnswerAsync(part, answer);

    private static IEnumerable<string> Column(SpecTable table, string column) =>
        Enumerable.Range(0, table.RowCount).Select(row => table.Cell(row, column));

    // "Suite: NAME", then for each test "  Test: NAME ..." with its own messages, and "passed" or "FAILED" at the end of a line.
    private static List<string> Failures(string output)
    {
        List<string> failures = [];
        string suite = "", test = "";
        foreach (string line in output.Split('\n'))
        {
            if (line.StartsWith("Suite: ", StringComparison.Ordinal)) suite = line[7..].Trim();
            if (line.StartsWith("  Test: ", StringComparison.Ordinal)) test = line[8..].Split(' ')[0];
            if (line.EndsWith("FAILED", StringComparison.Ordinal)) failures.Add($"{suite}.{test}");
        }

        return failures;
    }

    private async Task AssertAnswerAsync(string part, string answer) =>
        Assert.Matches(new Regex(answer, RegexOptions.Singleline, TimeSpan.FromSeconds(5)), (await run.Sections)[part]);

    [GeneratedRegex(@"\[SKIPPED\] (?<message>.*)")]
    private static partial Regex Skip();
}
