using VmBus.Conformance.Running;

namespace VmBus.Conformance.Checks;

/// <summary>How one rule is looked at.</summary>
/// <param name="RuleId">The rule.</param>
/// <param name="Run">Returns the evidence, one line; ends early where the rule is broken or cannot be seen.</param>
internal sealed record ConformanceCheck(string RuleId, Func<Bench, string> Run);
