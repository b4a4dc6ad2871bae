using VmBus.Conformance.Checks.Bus;
using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Checks.Rings;
using VmBus.Conformance.Rules;

namespace VmBus.Conformance.Checks;

/// <summary>All checks, and why there is none for the other rules.</summary>
internal static class CheckList
{
    private const string NeedsAMachine = "A process-partition has no interrupt controller: tests/testbed/hostile attacks it from inside a real partition.";
    private const string NeedsAnOperator = "Only an operator of the host can cause it.";
    private const string GuestRule = "A rule of the guest: 'vmbus conformance --guest' checks it.";

    private static readonly Dictionary<string, string> NotChecked = new(StringComparer.Ordinal)
    {
        ["SY-7"] = NeedsAMachine,
        ["SY-8"] = NeedsAMachine,
        ["SY-9"] = NeedsAMachine,
        ["SY-10"] = NeedsAMachine,
        ["SY-11"] = NeedsAMachine,
        ["SY-14"] = "A process-partition has no processor: 'vmbus-guest conformance' checks it from inside a guest.",
        ["SY-15"] = "No device of a process-partition is signalled by the monitor page: 'vmbus-guest conformance' checks it from inside a guest.",
        ["NW-21"] = "It takes frames that come from the link.",
        ["DM-7"] = NeedsAnOperator,
        ["DM-8"] = NeedsAnOperator,
        ["DM-11"] = NeedsAnOperator,
    };

    /// <summary>The checks by the ids of their rules.</summary>
    public static IReadOnlyDictionary<string, ConformanceCheck> ById { get; } = All().ToDictionary(static check => check.RuleId, StringComparer.Ordinal);

    /// <summary>The host's rules that are known not to be checked.</summary>
    public static IReadOnlyCollection<string> KnownGaps => NotChecked.Keys;

    /// <summary>Why there is no check for a rule.</summary>
    public static string WhyNotChecked(ConformanceRule rule)
        => NotChecked.TryGetValue(rule.Id, out string? why) ? why : rule.Of == RuleParty.Guest ? GuestRule : "There is no check.";

    private static IEnumerable<ConformanceCheck> All() =>
    [
        .. ContactChecks.All, .. OfferChecks.All, .. GpadlChecks.All, .. OpenChecks.All, .. RescindChecks.All, .. LaterChecks.All,
        .. OpeningChecks.All, .. CorruptRingChecks.All, .. SignalChecks.All,
        .. StorageChecks.All, .. StorageCommandChecks.All, .. NetworkChecks.All, .. IntegrationChecks.All, .. MemoryChecks.All, .. SocketChecks.All,
    ];
}
