using System.Diagnostics;
using VmBus.Client.Sysfs;
using VmBus.Client.Uio;
using VmBus.Conformance.Checks.Rings;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Rules;
using VmBus.Conformance.Running;

namespace VmBus.Conformance.Inside;

/// <summary>Checks the host of the Linux guest that this process runs in, as root, by what the kernel shows and by a device of the VMBus that it drives itself.</summary>
/// <param name="host">What the report calls the host.</param>
/// <remarks>
/// The echo device of this project's own hosts shows the most (protocol-spec/echo.md). Any other may be named: it is taken from its driver, opened twice, and
/// given back. One thread. Nothing that the host does throws. Source: protocol-spec/README.md#rules, protocol-spec/channel.md#user-space-drivers.
/// </remarks>
public sealed class InsideRun(string host)
{
    private const string FirstBreak = "RG-13";

    /// <summary>For how long an answer that has to come is waited for.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The device that is driven; null for the echo device, if there is one.</summary>
    public VmbusDevice? Device { get; init; }

    /// <summary>
    /// Whether a rule of the ring is broken at the end, for which the host takes the echo device away until the guest starts again: the first of RG-13 to RG-19
    /// that is asked for.
    /// </summary>
    public bool Break { get; init; }

    /// <summary>The folder that is <c>/</c>.</summary>
    public string Root { get; init; } = "/";

    /// <summary>Checks every rule whose id is taken.</summary>
    /// <param name="takes">Which rules; all of a host's when null.</param>
    public ConformanceReport Run(Func<string, bool>? takes = null) => Run(takes, HypervisorLeaves.OfThisProcessor);

    internal ConformanceReport Run(Func<string, bool>? takes, HypervisorLeaves leaves)
    {
        ConformanceRule[] rules = [.. RuleBook.All.Where(rule => takes?.Invoke(rule.Id) ?? rule.Of == RuleParty.Host)];
        string? broken = Break ? Array.Find(rules, static rule => RingBreaks.ById.ContainsKey(rule.Id))?.Id ?? FirstBreak : null;
        var results = new Dictionary<string, RuleResult>(StringComparer.Ordinal);
        using (var bench = new InsideBench(new GuestView(Root, leaves), Device, Patience))
        {
            foreach (ConformanceRule rule in rules.Where(static rule => !InsideCheckList.IsLast(rule.Id))) results[rule.Id] = Look(rule, bench, CheckOf(rule));
            // The rule that is broken comes before the one about what is left.
            foreach (ConformanceRule rule in rules.Where(static rule => InsideCheckList.IsLast(rule.Id)).OrderBy(rule => rule.Id != broken))
                results[rule.Id] = Look(rule, bench, inside => Last(rule.Id, broken, inside));
        }

        return new ConformanceReport(host, [.. rules.Select(rule => results[rule.Id])]);
    }

    private static Func<InsideBench, string> CheckOf(ConformanceRule rule) => InsideCheckList.ById.TryGetValue(rule.Id, out InsideCheck? check)
        ? check.Run
        : _ => throw new NotCoveredException(InsideCheckList.WhyNotChecked(rule));

    private static string Last(string rule, string? broken, InsideBench bench)
    {
        if (broken is null) throw new NotCoveredException("The host takes the device away for it until the guest starts again: --break has it done.");
        if (rule == broken) return bench.Break(rule);
        if (rule != InsideCheckList.AfterBreakRule) throw new NotCoveredException($"The device was lost to {broken}: one of these rules is checked each time the guest has started.");
        return OthersGoOn(broken, bench);
    }

    private static string OthersGoOn(string broken, InsideBench bench)
    {
        uint id = bench.ChannelId;
        if (bench.BrokenBy is null) _ = bench.Break(broken);
        uint[] others = [.. bench.View.Tree.Read().SelectMany(static device => device.Channels).Select(static channel => channel.Id).Where(other => other != id)];
        return $"channel {id} rescinded for {broken}; {others.Length} other channels are still there";
    }

    private static RuleResult Look(ConformanceRule rule, InsideBench bench, Func<InsideBench, string> check)
    {
        long started = Stopwatch.GetTimestamp();
        (RuleVerdict verdict, string evidence) = Check(bench, check);
        return new RuleResult(rule, verdict, evidence, Stopwatch.GetElapsedTime(started));
    }

    private static (RuleVerdict Verdict, string Evidence) Check(InsideBench bench, Func<InsideBench, string> check)
    {
        try
        {
            return (RuleVerdict.Pass, check(bench));
        }
        catch (RuleBrokenException broken)
        {
            return (RuleVerdict.Fail, broken.Message);
        }
        catch (NotCoveredException missing)
        {
            return (RuleVerdict.NotCovered, missing.Message);
        }
        catch (Exception problem) when (problem is UioException or IOException or UnauthorizedAccessException)
        {
            // The guest's own kernel does not let us look.
            return (RuleVerdict.NotCovered, problem.Message.ReplaceLineEndings(" "));
        }
    }
}
