using System.Text.RegularExpressions;
using Xunit;

namespace VmBus.Host.Tests.House;

/// <summary>Every full barrier has a litmus program, which tests/VmBus.Litmus/README.md names.</summary>
public sealed partial class FenceTests
{
    public static TheoryData<string> Barriers
        => [.. SourceTree.SourceFiles("*.cs").Where(static file => file.Path.StartsWith("src/", StringComparison.Ordinal)).SelectMany(static file => BarriersOf(file.Path, file.Text))];

    [Theory]
    [MemberData(nameof(Barriers))]
    public void Barrier_is_in_the_table_of_litmus_programs(string member)
        => Assert.Contains($"`{member}`", File.ReadAllText(Path.Combine(SourceTree.Root, "tests", "VmBus.Litmus", "README.md")), StringComparison.Ordinal);

    [Fact]
    public void There_are_barriers() => Assert.True(Barriers.Count >= 10);

    private static IEnumerable<string> BarriersOf(string path, string text)
    {
        string type = Path.GetFileName(path).Split('.')[0], member = "";
        foreach (string line in text.Split('\n'))
        {
            if (Member().Match(line) is { Success: true } match) member = match.Groups[1].Value;
            if (line.Contains("Interlocked.MemoryBarrier()", StringComparison.Ordinal)) yield return $"{type}.{member}";
        }
    }

    [GeneratedRegex(@"^    (?:public|internal|private|protected)[^=;]*?\b(\w+)\(")]
    private static partial Regex Member();
}
