using System.Diagnostics;

namespace VmBus.Fuzz.Engine;

/// <summary>What a run of one target has done.</summary>
/// <param name="Target">The target's name.</param>
/// <param name="Executions">How many inputs.</param>
/// <param name="Time">How long they took.</param>
/// <param name="Kept">Inputs in the corpus at the end.</param>
/// <param name="GrownBytes">How much more managed memory there is than after the first inputs.</param>
/// <param name="Findings">What was found.</param>
public sealed record FuzzResult(string Target, long Executions, TimeSpan Time, int Kept, long GrownBytes, IReadOnlyList<Finding> Findings)
{
    /// <summary>With coverage, the few inputs that reach the most of what all reach.</summary>
    public IReadOnlyList<byte[]> Best { get; init; } = [];

    /// <summary>Executions each second.</summary>
    public double Rate => Executions / Math.Max(Time.TotalSeconds, 0.001);
}

/// <summary>Gives a target inputs until a limit: those that are kept first, then new and changed ones.</summary>
public sealed class FuzzRun(IFuzzTarget target, IReadOnlyList<byte[]> kept, int seed)
{
    // A target that leaves this much behind grows with what it is sent.
    private const long MaximumGrowth = 64 << 20;
    private const int MaximumFindings = 20;
    private const int MaximumCorpus = 4096;
    private const int WarmUp = 2000;

    // So that the corpora of all targets stay within 100 KiB of text.
    private const int BestBytes = 1280;

    private readonly List<Finding> _findings = [];
    private readonly HashSet<string> _problems = new(StringComparer.Ordinal);
    private readonly byte[] _current = new byte[Mutator.MaximumBytes];
    private int _currentBytes;
    private long _executions;

    /// <summary>Inputs at most; no limit when 0.</summary>
    public long Executions { get; init; }

    /// <summary>Time at most; no limit when zero.</summary>
    public TimeSpan Time { get; init; }

    /// <summary>How long one input may take before it counts as one that does not end; no limit when zero.</summary>
    public TimeSpan Hang { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Coverage of the code under test; null when it is not instrumented.</summary>
    internal ICoverage? Coverage { get; init; }

    /// <summary>Is told the input that does not end, before the process is of no more use.</summary>
    public Action<Finding>? OnHang { get; init; }

    /// <summary>Runs.</summary>
    public FuzzResult Run()
    {
        var corpus = new List<byte[]>(target.Seeds.Concat(kept));
        var mutator = new Mutator(new Random(seed));
        long started = Stopwatch.GetTimestamp();
        using Timer? watch = Hang > TimeSpan.Zero ? Watch() : null;
        foreach (byte[] input in corpus.ToList()) _ = Execute(input);
        long baseline = 0;
        while (!IsOver(started))
        {
            ReadOnlySpan<byte> input = mutator.Next(corpus);
            bool isNew = Execute(input);
            if (isNew && corpus.Count < MaximumCorpus) corpus.Add(input.ToArray());
            if (_executions == WarmUp) baseline = GC.GetTotalMemory(forceFullCollection: true);
        }

        TimeSpan time = Stopwatch.GetElapsedTime(started);
        long executions = _executions;
        long grown = baseline == 0 ? 0 : GC.GetTotalMemory(forceFullCollection: true) - baseline - corpus.Sum(static input => (long)input.Length);
        if (grown > MaximumGrowth) _findings.Add(new Finding(target.Name, [], $"{grown >> 20} MiB more memory after {_executions} inputs"));
        IReadOnlyList<byte[]> best = Coverage is { } coverage ? Distill(coverage, corpus) : [];
        return new FuzzResult(target.Name, executions, time, corpus.Count, Math.Max(grown, 0), _findings) { Best = best };
    }

    // Seeds are in the code: what they reach needs no other input.
    private IReadOnlyList<byte[]> Distill(ICoverage coverage, List<byte[]> corpus)
    {
        IReadOnlyList<int> Reach(byte[] input)
        {
            _ = Execute(input);
            return coverage.Reached();
        }

        var known = new HashSet<int>();
        foreach (byte[] seed in target.Seeds) known.UnionWith(Reach(seed));
        return Distiller.Choose(corpus.Select(input => (input, Reach(input))).ToList(), known, BestBytes);
    }

    private bool IsOver(long started) => (Executions > 0 && _executions >= Executions)
        || (Time > TimeSpan.Zero && (_executions & 63) == 0 && Stopwatch.GetElapsedTime(started) >= Time)
        || _findings.Count >= MaximumFindings;

    // True when the input has reached something that none before has.
    private bool Execute(ReadOnlySpan<byte> input)
    {
        int bytes = Math.Min(input.Length, _current.Length);
        input[..bytes].CopyTo(_current);
        _currentBytes = bytes;
        Coverage?.Clear();
        try
        {
            target.Execute(_current.AsSpan(0, bytes));
        }
        catch (Exception exception) when (_problems.Add(Summary(exception)))
        {
            // A fuzzer is where everything that is thrown is caught: each is a finding.
            _findings.Add(new Finding(target.Name, _current[..bytes], exception.ToString()));
        }
        catch (Exception exception) when (_problems.Contains(Summary(exception)))
        {
            // Found before.
        }

        Interlocked.Increment(ref _executions);
        return Coverage?.HasNew() ?? false;
    }

    // Where it was thrown tells findings apart; further frames come and go as the compiler inlines.
    private static string Summary(Exception exception)
    {
        string[] frames = (exception.StackTrace ?? "").Split('\n');
        return $"{exception.GetType().Name} {string.Join('|', frames.Take(2))}";
    }

    private Timer Watch()
    {
        long last = -1;
        return new Timer(
            _ =>
            {
                long now = Interlocked.Read(ref _executions);
                if (now == last) OnHang?.Invoke(new Finding(target.Name, _current[.._currentBytes], $"did not end within {Hang.TotalSeconds} s"));
                last = now;
            },
            null,
            Hang,
            Hang);
    }
}
