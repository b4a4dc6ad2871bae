using VmBus.Conformance.Rules;

namespace VmBus.Conformance.Reports;

/// <summary>What a run has found: one result for each rule that was asked about.</summary>
/// <param name="Name">What the party under test is called.</param>
/// <param name="Results">In the order of the pages.</param>
public sealed record ConformanceReport(string Name, IReadOnlyList<RuleResult> Results)
{
    /// <summary>Who is under test.</summary>
    public RuleParty Of { get; init; } = RuleParty.Host;

    /// <summary>How many rules were found so.</summary>
    public int Count(RuleVerdict verdict) => Results.Count(result => result.Verdict == verdict);

    /// <summary>This report with what another one has seen: of the rules here, those that this one has not covered or that the other has found broken.</summary>
    /// <param name="other">A report of the same host from another side, or of a guest of its.</param>
    public ConformanceReport With(ConformanceReport other)
    {
        ArgumentNullException.ThrowIfNull(other);
        // A rule may be there twice: once broken is broken.
        Dictionary<string, RuleResult> seen = other.Results.Where(static result => result.Verdict != RuleVerdict.NotCovered)
            .GroupBy(static result => result.Rule.Id, StringComparer.Ordinal)
            .ToDictionary(static results => results.Key, static results => results.MaxBy(static result => result.Verdict == RuleVerdict.Fail)!, StringComparer.Ordinal);
        return this with { Results = [.. Results.Select(Join)] };

        RuleResult Join(RuleResult mine)
            => seen.TryGetValue(mine.Rule.Id, out RuleResult? found) && mine.Verdict != RuleVerdict.Fail && (mine.Verdict == RuleVerdict.NotCovered || found.Verdict == RuleVerdict.Fail)
                ? found with { Evidence = $"{other.Name}: {found.Evidence}" }
                : mine;
    }

    /// <summary>Whether no rule is broken.</summary>
    public bool IsGreen => Count(RuleVerdict.Fail) == 0;
}
