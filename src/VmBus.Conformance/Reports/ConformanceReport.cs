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

    /// <summary>Whether no rule is broken.</summary>
    public bool IsGreen => Count(RuleVerdict.Fail) == 0;
}
