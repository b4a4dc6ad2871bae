using System.Text.Json;
using VmBus.TestKit.SpecTables;

namespace VmBus.Testbed.Tests;

/// <summary>A report of rules that protocol-spec/reports/ keeps, and one that was made now.</summary>
internal static class KeptReport
{
    /// <summary>The verdict of each rule in a report that is kept.</summary>
    public static IReadOnlyList<string> Kept(string name) => Verdicts(Path.Combine(Repository.Root, "protocol-spec", "reports", name));

    /// <summary>The verdict of each rule in a report: <c>SY-10 pass</c>.</summary>
    public static IReadOnlyList<string> Verdicts(string path)
    {
        using var report = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. report.RootElement.GetProperty("results").EnumerateArray().Select(static result => $"{result.GetProperty("rule").GetString()} {result.GetProperty("verdict").GetString()}").Order(StringComparer.Ordinal)];
    }
}
