using System.Text.Json;
using VmBus.TestKit.SpecTables;

namespace VmBus.Testbed.Tests;

/// <summary>Reports of rules: those that protocol-spec/reports/ keeps, and those that a run makes and leaves in artifacts/conformance.</summary>
internal static class KeptReport
{
    /// <summary>The verdict of each rule in a report that is kept.</summary>
    public static IReadOnlyList<string> Kept(string name) => Verdicts(Path.Combine(Repository.Root, "protocol-spec", "reports", name));

    /// <summary>Moves a report that was made now to where a run leaves its reports.</summary>
    /// <returns>Its path there.</returns>
    public static string Keep(string made, string name)
    {
        string path = PathOf(name);
        File.Move(made, path, overwrite: true);
        return path;
    }

    /// <summary>Leaves a report as text.</summary>
    public static void Keep(string[] lines, string name) => File.WriteAllLines(PathOf(name), lines);

    /// <summary>The verdict of each rule in a report: <c>SY-10 pass</c>.</summary>
    public static IReadOnlyList<string> Verdicts(string path)
    {
        using var report = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. report.RootElement.GetProperty("results").EnumerateArray().Select(static result => $"{result.GetProperty("rule").GetString()} {result.GetProperty("verdict").GetString()}").Order(StringComparer.Ordinal)];
    }

    private static string PathOf(string name) => Path.Combine(Directory.CreateDirectory(Path.Combine(Repository.Root, "artifacts", "conformance")).FullName, name);
}
