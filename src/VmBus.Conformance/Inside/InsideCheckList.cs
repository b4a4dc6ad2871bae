using VmBus.Conformance.Checks.Rings;
using VmBus.Conformance.Rules;

namespace VmBus.Conformance.Inside;

/// <summary>All checks from inside a guest, and why there is none for the other rules.</summary>
internal static class InsideCheckList
{
    private const string KernelPosts = "The guest's kernel posts the channel messages, and none of them shows it.";
    private const string KernelSignals = "The guest's kernel has the SynIC, and makes no hypercall that shows it.";
    private const string KernelOpens = "The guest's kernel sets the rings up and opens the channel.";
    private const string KernelDrives = "The guest's kernel has the device, and does not tell it.";

    private static readonly Dictionary<string, string> ByLetters = new(StringComparer.Ordinal)
    {
        ["CH"] = KernelPosts,
        ["SY"] = KernelSignals,
        ["RG"] = KernelOpens,
    };

    private static readonly Dictionary<string, string> NotChecked = new(StringComparer.Ordinal)
    {
        ["CH-2"] = "Linux looks at nothing else in an answer that accepts.",
        ["CH-3"] = "Linux does not show the connection that it was named.",
        ["CH-15"] = "Linux shows an offer's connection and interrupt only while the offer comes, which is before programs run.",
        ["CH-44"] = "It takes another connection, and the kernel makes one at its start.",
    };

    /// <summary>The checks by the ids of their rules.</summary>
    public static IReadOnlyDictionary<string, InsideCheck> ById { get; } = All().ToDictionary(static check => check.RuleId, StringComparer.Ordinal);

    /// <summary>Whether the device is lost to the check of this rule, or the check looks at what is left afterwards.</summary>
    public static bool IsLast(string rule) => RingBreaks.ById.ContainsKey(rule) || rule == AfterBreakRule;

    /// <summary>The rule that is looked at when a ring was broken: the other channels go on.</summary>
    public const string AfterBreakRule = "CH-42";

    /// <summary>Why there is no check for a rule.</summary>
    public static string WhyNotChecked(ConformanceRule rule)
        => rule.Of == RuleParty.Guest ? "A rule of the guest: 'vmbus conformance --guest' checks it."
        : NotChecked.TryGetValue(rule.Id, out string? why) ? why
        : ByLetters.GetValueOrDefault(rule.Id[..2], KernelDrives);

    private static IEnumerable<InsideCheck> All() => [.. KernelChecks.All, .. LifeChecks.All, .. EchoChecks.All];
}
