using VmBus.Conformance.Rules;

namespace VmBus.Conformance.Guests;

/// <summary>All checks of a guest, and why there is none for the other rules.</summary>
internal static class GuestCheckList
{
    private static readonly Dictionary<string, string> NotChecked = new(StringComparer.Ordinal)
    {
        ["DM-10"] = "A trace does not show which of its pages a guest touches.",
        ["SY-13"] = "It takes a host that refuses posts, which this one does only when it is flooded.",
    };

    /// <summary>The checks by the ids of their rules.</summary>
    public static IReadOnlyDictionary<string, GuestCheck> ById { get; } = All().ToDictionary(static check => check.RuleId, StringComparer.Ordinal);

    /// <summary>The guest's rules that are known not to be checked.</summary>
    public static IReadOnlyCollection<string> KnownGaps => NotChecked.Keys;

    /// <summary>Why there is no check for a rule.</summary>
    public static string WhyNotChecked(ConformanceRule rule)
        => NotChecked.TryGetValue(rule.Id, out string? why) ? why : rule.Of == RuleParty.Host ? "A rule of the host: 'vmbus conformance' without --guest checks it." : "There is no check.";

    private static IEnumerable<GuestCheck> All() =>
    [
        .. GuestChannelChecks.All, .. GuestMemoryChecks.All, .. GuestRingChecks.All, .. GuestSignalChecks.All, .. GuestStorageChecks.All, .. GuestNetworkChecks.All,
        .. GuestIntegrationChecks.All, .. GuestSocketChecks.All,
    ];
}
