namespace VmBus.Litmus;

/// <summary>What the rings showed.</summary>
public enum LitmusVerdict
{
    /// <summary>No wake-up was missed, and the control without barriers missed some: the test can tell the difference here.</summary>
    Pass = 0,

    /// <summary>A wake-up was missed.</summary>
    Fail = 1,

    /// <summary>No wake-up was missed, but none by the control either: this machine, or its load, does not show the race.</summary>
    Inconclusive = 2,
}

/// <summary>Races two threads over many rings, a fixed number of rounds.</summary>
public static class LitmusRun
{
    /// <summary>Rings side by side: a pass races once on each without a rendezvous in between, which makes near misses frequent.</summary>
    public const int Slots = 128;

    private const int SpinsBeforeYield = 2000;

    /// <summary>Runs every race and its control.</summary>
    /// <param name="passes">Passes over <see cref="Slots"/> rings. A control stops as soon as it was caught.</param>
    /// <param name="output">Where one line per race goes.</param>
    public static LitmusVerdict Run(int passes, TextWriter output)
    {
        LitmusVerdict verdict = LitmusVerdict.Pass;
        foreach ((Func<Race> correct, Func<Race> broken) in new (Func<Race>, Func<Race>)[]
        {
            (() => new PacketRace(Slots), () => new BrokenPacketRace(Slots)),
            (() => new SpaceRace(Slots), () => new BrokenSpaceRace(Slots)),
        })
        {
            if (Misses(broken, passes, stopAtFirst: true, output) == 0 && verdict == LitmusVerdict.Pass) verdict = LitmusVerdict.Inconclusive;
            if (Misses(correct, passes, stopAtFirst: false, output) != 0) verdict = LitmusVerdict.Fail;
        }

        output.WriteLine(verdict switch
        {
            LitmusVerdict.Pass => "pass: no wake-up missed, the controls miss some",
            LitmusVerdict.Fail => "fail: a wake-up was missed",
            LitmusVerdict.Inconclusive => "inconclusive: a control did not miss anything; run more passes on an idle machine with two processors",
        });
        return verdict;
    }

    private static long Misses(Func<Race> create, int passes, bool stopAtFirst, TextWriter output)
    {
        using Race race = create();
        var produced = new bool[Slots];
        var consumed = new bool[Slots];
        var start = new Rendezvous();
        var produceReady = new Rendezvous();
        var consumeReady = new Rendezvous();
        var ready = new Rendezvous();
        var end = new Rendezvous();
        bool stop = false;
        var producer = new Thread(() =>
        {
            while (true)
            {
                start.Meet();
                if (Volatile.Read(ref stop)) return;
                for (int i = 0; i < Slots; i++) race.PrepareProducer(i);
                produceReady.Meet();
                consumeReady.Meet();
                for (int i = 0; i < Slots; i++) race.Touch(i);
                ready.Meet();
                for (int i = 0; i < Slots; i++) produced[i] = race.Produce(i);
                end.Meet();
            }
        })
        { Name = "litmus-producer", IsBackground = true };
        producer.Start();

        long misses = 0;
        int pass = 0;
        while (pass < passes && !(stopAtFirst && misses > 0))
        {
            start.Meet();
            produceReady.Meet();
            for (int i = 0; i < Slots; i++) race.PrepareConsumer(i);
            consumeReady.Meet();
            for (int i = 0; i < Slots; i++) race.Touch(i);
            ready.Meet();
            for (int i = 0; i < Slots; i++) consumed[i] = race.Consume(i);
            end.Meet();
            for (int i = 0; i < Slots; i++) misses += produced[i] || consumed[i] ? 0 : 1;
            pass++;
        }

        Volatile.Write(ref stop, true);
        start.Meet();
        producer.Join();
        output.WriteLine($"{race.Name,-42} {(long)pass * Slots,12} rounds {misses,8} missed");
        return misses;
    }

    // Two threads leave Meet at nearly the same moment: a barrier of the class library would put them to sleep in between.
    private sealed class Rendezvous
    {
        private int _arrived;

        internal void Meet()
        {
            int mine = Interlocked.Increment(ref _arrived);
            int goal = (mine + 1) & ~1;
            for (int spins = 0; Volatile.Read(ref _arrived) < goal; spins++)
            {
                if (spins < SpinsBeforeYield) Thread.SpinWait(1);
                else Thread.Yield();
            }
        }
    }
}
