using System.Diagnostics;
using VmBus.Client.Transports;
using VmBus.Conformance.Checks;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Rules;

namespace VmBus.Conformance.Running;

/// <summary>Checks a host against the rules of the protocol pages, through a transport: the host serves this process as its guest.</summary>
/// <remarks>
/// The host's devices are used: the first sector of a disk is read and written back as it is. One thread. Nothing that the host does
/// throws. Source: protocol-spec/README.md#rules.
/// </remarks>
public sealed class ConformanceRun(IClientTransport transport, string host)
{
    /// <summary>For how long an answer that has to come is waited for.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Who acts on the host's side where a rule needs it; null for nobody: such rules are not covered then.</summary>
    public IHostOperator? Operator { get; init; }

    /// <summary>Checks every rule whose id is taken.</summary>
    /// <param name="takes">Which rules; all when null.</param>
    /// <param name="found">Is told each result as it is found.</param>
    public ConformanceReport Run(Func<string, bool>? takes = null, Action<RuleResult>? found = null)
    {
        var results = new List<RuleResult>();
        foreach (ConformanceRule rule in RuleBook.All)
        {
            if (takes?.Invoke(rule.Id) == false) continue;
            RuleResult result = Look(rule);
            found?.Invoke(result);
            results.Add(result);
        }

        return new ConformanceReport(host, results);
    }

    private RuleResult Look(ConformanceRule rule)
    {
        if (!CheckList.ById.TryGetValue(rule.Id, out ConformanceCheck? check))
            return new RuleResult(rule, RuleVerdict.NotCovered, CheckList.WhyNotChecked(rule), TimeSpan.Zero);
        long started = Stopwatch.GetTimestamp();
        (RuleVerdict verdict, string evidence) = Check(check);
        return new RuleResult(rule, verdict, evidence, Stopwatch.GetElapsedTime(started));
    }

    private (RuleVerdict Verdict, string Evidence) Check(ConformanceCheck check)
    {
        try
        {
            using var bench = new Bench(transport, Patience, Operator);
            return (RuleVerdict.Pass, check.Run(bench));
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
