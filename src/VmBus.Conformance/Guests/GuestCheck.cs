namespace VmBus.Conformance.Guests;

/// <summary>How one rule of the guest is looked at, in what it has done.</summary>
/// <param name="RuleId">The rule.</param>
/// <param name="Run">Returns the evidence, one line; ends early where the rule is broken or the guest has done nothing that it shows at.</param>
internal sealed record GuestCheck(string RuleId, Func<GuestTrace, string> Run);
