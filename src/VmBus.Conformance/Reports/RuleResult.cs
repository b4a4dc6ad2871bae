using VmBus.Conformance.Rules;

namespace VmBus.Conformance.Reports;

/// <summary>How a rule was found.</summary>
public enum RuleVerdict
{
    /// <summary>Kept, as far as the check sees.</summary>
    Pass,

    /// <summary>Broken.</summary>
    Fail,

    /// <summary>Not looked at: nobody can from here, or the host has nothing that it shows at.</summary>
    NotCovered,
}

/// <summary>One line of a report.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Verdict">How it was found.</param>
/// <param name="Evidence">What was seen, or why nothing was; one line.</param>
/// <param name="Time">How long it took.</param>
public sealed record RuleResult(ConformanceRule Rule, RuleVerdict Verdict, string Evidence, TimeSpan Time);
