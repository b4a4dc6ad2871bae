namespace VmBus.Litmus;

/// <summary>What the races showed.</summary>
public enum LitmusVerdict
{
    /// <summary>Nothing was missed, and each control missed something: the test can tell the difference here.</summary>
    Pass = 0,

    /// <summary>Something was missed.</summary>
    Fail = 1,

    /// <summary>Nothing was missed, but not by some control either: this machine, or its load, does not show that race.</summary>
    Inconclusive = 2,
}

/// <summary>Races two threads over many slots, a fixed number of rounds.</summary>
public static class LitmusRun
{
    /// <summary>Slots side by side: a pass races once on each without a rendezvous in between, which makes near misses frequent.</summary>
    public const int Slots = 128;

    private const int SpinsBeforeYield = 2000;

    // Each with the halves that can be broken; README.md tells which line of the code each half is.
    private static readonly (Func<Broken, Race> Create, Broken[] Controls)[] Races =
    [
        (static broken => new PacketRace(Slots, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new SpaceRace(Slots, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new PacketBytesRace(Slots, broken), [Broken.Producer]),
        (static broken => new SpaceBytesRace(Slots, broken), [Broken.Producer]),
        (static broken => new KickRace(Slots, eventIndex: false, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new KickRace(Slots, eventIndex: true, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new CallRace(Slots, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new SplitBytesRace(Slots, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new PackedKickRace(Slots, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new PackedCallRace(Slots, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new PackedBytesRace(Slots, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new EndOfMessageRace(Slots, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new MessageBytesRace(Slots, broken), [Broken.Producer]),
        (static broken => new FlagRace(Slots, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new TwoFlagsRace(Slots, broken), [Broken.Producer]),
        (static broken => new WakeRace(Slots, broken), [Broken.Producer, Broken.Consumer]),
        (static broken => new MarkRace(Slots, broken), [Broken.Producer]),
    ];

    /// <summary>Runs every race and its controls.</summary>
    /// <param name="passes">Passes over <see cref="Slots"/> slots. A control stops as soon as it was caught.</param>
    /// <param name="output">Where one line per race and control goes.</param>
    public static LitmusVerdict Run(int passes, TextWriter output)
    {
        bool missed = false;
        List<string> blind = [];
        foreach ((Func<Broken, Race> create, Broken[] controls) in Races)
        {
            missed |= Misses(create, Broken.Neither, passes, output) != 0;
            foreach (Broken control in controls)
            {
                if (Misses(create, control, passes, output) == 0) blind.Add(Title(create, control));
            }
        }

        LitmusVerdict verdict = missed ? LitmusVerdict.Fail : blind.Count > 0 ? LitmusVerdict.Inconclusive : LitmusVerdict.Pass;
        output.WriteLine(verdict switch
        {
            LitmusVerdict.Pass => "pass: nothing missed, and each control misses something",
            LitmusVerdict.Fail => "fail: something was missed",
            LitmusVerdict.Inconclusive => $"inconclusive: nothing missed, but not by '{string.Join("', '", blind)}' either; run more passes on an idle machine with two processors",
        });
        return verdict;
    }

    private static string Title(Func<Broken, Race> create, Broken broken)
    {
        using Race race = create(broken);
        return Title(race, broken);
    }

    private static string Title(Race race, Broken broken) => broken switch
    {
        Broken.Neither => race.Name,
        Broken.Producer => $"{race.Name}; first half broken",
        Broken.Consumer => $"{race.Name}; second half broken",
    };

    private static long Misses(Func<Broken, Race> create, Broken broken, int passes, TextWriter output)
    {
        using Race race = create(broken);
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
        while (pass < passes && (broken == Broken.Neither || misses == 0))
        {
            start.Meet();
            produceReady.Meet();
            for (int i = 0; i < Slots; i++) race.PrepareConsumer(i);
            consumeReady.Meet();
            for (int i = 0; i < Slots; i++) race.Touch(i);
            ready.Meet();
            for (int i = 0; i < Slots; i++) consumed[i] = race.Consume(i);
            end.Meet();
            for (int i = 0; i < Slots; i++) misses += race.HasMissed(i, produced[i], consumed[i]) ? 1 : 0;
            pass++;
        }

        Volatile.Write(ref stop, true);
        start.Meet();
        producer.Join();
        output.WriteLine($"{Title(race, broken),-76} {(long)pass * Slots,12} rounds {misses,8} missed");
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
