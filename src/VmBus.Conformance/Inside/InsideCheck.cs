namespace VmBus.Conformance.Inside;

/// <summary>How one rule of a host is looked at from inside a guest.</summary>
/// <param name="RuleId">The rule.</param>
/// <param name="Run">Returns the evidence, one line; ends early where the rule is broken or cannot be seen.</param>
internal sealed record InsideCheck(string RuleId, Func<InsideBench, string> Run);
