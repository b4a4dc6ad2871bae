using System.Text.RegularExpressions;
using Xunit;

namespace VmBus.Host.Tests.House;

/// <summary>House rules that no compiler checks.</summary>
public sealed partial class TidyTests
{
    private const int MaximumLines = 500;

    [Fact]
    public void Unsafe_code_is_only_in_files_named_for_it()
    {
        Assert.Empty(SourceTree.SourceFiles("*.cs")
            .Where(f => !f.Path.EndsWith(".Unsafe.cs", StringComparison.Ordinal) && !f.Path.EndsWith("/TidyTests.cs", StringComparison.Ordinal))
            .Where(f => UnsafeKeyword().IsMatch(f.Text))
            .Select(f => f.Path));
    }

    [Fact]
    public void Unsafe_files_say_why_they_are_sound()
    {
        Assert.Empty(SourceTree.SourceFiles("*.Unsafe.cs")
            .Where(f => f.Path.StartsWith("src/", StringComparison.Ordinal) && UnsafeKeyword().IsMatch(f.Text) && !f.Text.Contains("SAFETY:", StringComparison.Ordinal))
            .Select(f => f.Path));
    }

    [Fact]
    public void Files_fit_in_the_head()
        => Assert.Empty(SourceTree.SourceFiles("*.cs").Where(f => f.Text.Count(c => c == '\n') > MaximumLines).Select(f => f.Path));

    [Fact]
    public void Names_say_a_concept()
        => Assert.Empty(SourceTree.SourceFiles("*.cs").Where(f => VagueName().IsMatch(f.Path)).Select(f => f.Path));

    [Fact]
    public void Nothing_is_left_for_later()
    {
        Assert.Empty(SourceTree.SourceFiles("*.cs")
            .Where(f => !f.Path.EndsWith("/TidyTests.cs", StringComparison.Ordinal) && LeftOver().IsMatch(f.Text))
            .Select(f => f.Path));
    }

    [Fact]
    public void Log_event_ids_are_unique()
    {
        Assert.Empty(SourceTree.SourceFiles("*Log.cs")
            .SelectMany(f => EventId().Matches(f.Text).Select(m => (Id: m.Groups[1].Value, f.Path)))
            .GroupBy(e => e.Id)
            .Where(g => g.Count() > 1)
            .Select(g => $"{g.Key}: {string.Join(", ", g.Select(e => e.Path))}"));
    }

    [GeneratedRegex(@"^(?!\s*//).*\b(unsafe|fixed \()", RegexOptions.Multiline)]
    private static partial Regex UnsafeKeyword();

    [GeneratedRegex("(Common|Util|Utils|Helper|Helpers|Base|Misc)(/|\\.cs$)")]
    private static partial Regex VagueName();

    [GeneratedRegex(@"\b(TODO|FIXME|XXX|HACK|NotImplementedException)\b")]
    private static partial Regex LeftOver();

    [GeneratedRegex(@"EventId = (\d+)")]
    private static partial Regex EventId();
}
