using VmBus.Conformance.Checks.Bus;
using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Checks.Rings;
using VmBus.Conformance.Rules;

namespace VmBus.Conformance.Checks;

/// <summary>All checks, and why there is none for the other rules.</summary>
internal static class CheckList
{
    private const string NeedsAMachine = "It takes a processor with an interrupt controller: tests/testbed/hostile-run looks at it from inside a partition, and --with adds its report.";
    private const string GuestRule = "A rule of the guest: 'vmbus conformance --guest' checks it, and --with adds its report.";

    private static readonly Dictionary<string, string> NotChecked = new(StringComparer.Ordinal)
    {
        ["SY-7"] = NeedsAMachine,
        ["SY-8"] = NeedsAMachine,
        ["SY-9"] = NeedsAMachine,
        ["SY-10"] = NeedsAMachine,
        ["SY-11"] = NeedsAMachine,
        ["SY-14"] = NeedsAMachine,
        ["SY-15"] = "A process-partition has no processor: 'vmbus-guest conformance' checks it from inside a guest.",
        ["SY-16"] = "No device of a process-partition is signalled by the monitor page: 'vmbus-guest conformance' checks it from inside a guest.",
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
        .. OperatorChecks.All,
    ];
}
