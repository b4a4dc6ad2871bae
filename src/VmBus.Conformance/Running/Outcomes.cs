namespace VmBus.Conformance.Running;

/// <summary>The host does not keep the rule. Checks are tests: this is how they end early, and nothing else catches it.</summary>
internal sealed class RuleBrokenException(string evidence) : Exception(evidence);

/// <summary>The host has nothing that the rule could be seen at.</summary>
internal sealed class NotCoveredException(string reason) : Exception(reason);
