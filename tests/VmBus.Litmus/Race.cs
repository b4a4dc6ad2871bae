namespace VmBus.Litmus;

/// <summary>Which half of a race is done wrong, on purpose.</summary>
internal enum Broken
{
    /// <summary>None.</summary>
    Neither,

    /// <summary>The producer's.</summary>
    Producer,

    /// <summary>The consumer's.</summary>
    Consumer,
}

/// <summary>
/// Two threads that each take one step on memory that they share, on many slots side by side: what one of them has done must not escape the
/// other. What it is that must not escape is the race's own to say.
/// </summary>
/// <param name="name">What races, for the report.</param>
internal abstract class Race(string name) : IDisposable
{
    /// <summary>What races, for the report.</summary>
    internal string Name { get; } = name;

    public abstract void Dispose();

    /// <summary>Brings the producer's half of a slot to the state before the race, on the producer's thread, alone and first.</summary>
    internal abstract void PrepareProducer(int slot);

    /// <summary>Brings the consumer's half of a slot to the state before the race, on the consumer's thread, alone.</summary>
    internal abstract void PrepareConsumer(int slot);

    /// <summary>
    /// Brings what a slot shares into the caller's cache. With the line shared by both processors a store has to wait for it while a load
    /// does not, which is when a missing barrier shows.
    /// </summary>
    internal abstract uint Touch(int slot);

    /// <summary>The producer's step.</summary>
    /// <returns>Whether it noticed the consumer.</returns>
    internal abstract bool Produce(int slot);

    /// <summary>The consumer's step.</summary>
    /// <returns>Whether it noticed the producer.</returns>
    internal abstract bool Consume(int slot);

    /// <summary>Whether something has escaped, after both steps. Where it is a wake-up, it has when neither noticed the other.</summary>
    internal virtual bool HasMissed(int slot, bool produced, bool consumed) => !produced && !consumed;

    /// <summary>Looks again until something is there, or the other thread has not been running for long.</summary>
    private protected static bool WaitFor<T>(T state, Func<T, bool> isThere)
    {
        for (int looks = 0; looks < 5000; looks++)
        {
            if (isThere(state)) return true;
        }

        return false;
    }
}
