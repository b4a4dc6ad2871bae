using System.Diagnostics;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Rules;
using VmBus.Conformance.Running;
using VmBus.Protocol.Tracing;

namespace VmBus.Conformance.Guests;

/// <summary>Holds what a guest's drivers did, by a trace of it with ring packets, against the rules of the protocol pages.</summary>
/// <remarks>Nothing that a trace holds throws. Source: protocol-spec/README.md#rules.</remarks>
public static class GuestRun
{
    private const string IncompleteTrace = "Records of the trace were lost: give it a larger buffer, or a guest that does less.";

    /// <summary>Checks every rule whose id is taken.</summary>
    /// <param name="records">The trace, from its beginning.</param>
    /// <param name="isWhole">Whether no record of it was lost.</param>
    /// <param name="guest">What the guest is called.</param>
    /// <param name="takes">Which rules; all of the guest's when null.</param>
    public static ConformanceReport Check(IReadOnlyList<TraceRecord> records, bool isWhole, string guest, Func<string, bool>? takes = null)
    {
        ArgumentNullException.ThrowIfNull(records);
        var trace = new GuestTrace(records);
        var results = RuleBook.All
            .Where(rule => takes?.Invoke(rule.Id) ?? rule.Of == RuleParty.Guest)
            .Select(rule => Look(rule, trace, isWhole)).ToList();
        return new ConformanceReport(guest, results) { Of = RuleParty.Guest };
    }

    private static RuleResult Look(ConformanceRule rule, GuestTrace trace, bool isWhole)
    {
        if (!GuestCheckList.ById.TryGetValue(rule.Id, out GuestCheck? check)) return new RuleResult(rule, RuleVerdict.NotCovered, GuestCheckList.WhyNotChecked(rule), TimeSpan.Zero);
        if (!isWhole) return new RuleResult(rule, RuleVerdict.NotCovered, IncompleteTrace, TimeSpan.Zero);
        long started = Stopwatch.GetTimestamp();
        (RuleVerdict verdict, string evidence) = Check(check, trace);
        return new RuleResult(rule, verdict, evidence, Stopwatch.GetElapsedTime(started));
    }

    private static (RuleVerdict Verdict, string Evidence) Check(GuestCheck check, GuestTrace trace)
    {
        try
        {
            return (RuleVerdict.Pass, check.Run(trace));
        }
        catch (RuleBrokenException broken)
        {
            return (RuleVerdict.Fail, broken.Message);
        }
        catch (NotCoveredException missing)
        {
            return (RuleVerdict.NotCovered, missing.Message);
        }
    }
}
