using VmBus.Memory.Rings;
using VmBus.Native.Linux;
using VmBus.Protocol.Ring;

namespace VmBus.Litmus;

/// <summary>
/// Two ring ends that each store a word and then look at the other's, on many rings side by side. At least one of them must notice the
/// other; when neither does, a real guest or host would sleep for ever.
/// </summary>
internal abstract class Race : IDisposable
{
    private const int PagesPerRing = 2;
    private readonly MemoryFile _file;

    protected Race(string name, int slots)
    {
        Name = name;
        _file = MemoryFile.Create("vmbus-litmus", (long)slots * PagesPerRing * RingControlPage.Size);
        Rings = new RingMapping[slots];
        for (int i = 0; i < slots; i++)
        {
            if (!RingMapping.TryMap(_file, (long)i * PagesPerRing * RingControlPage.Size, PagesPerRing, out RingMapping? ring))
                throw new InvalidOperationException("The rings cannot be mapped.");
            ring!.Initialize();
            Rings[i] = ring;
        }
    }

    /// <summary>What races, for the report.</summary>
    internal string Name { get; }

    /// <summary>One ring per slot.</summary>
    internal RingMapping[] Rings { get; }

    public void Dispose()
    {
        foreach (RingMapping ring in Rings) ring.Dispose();
        _file.Dispose();
    }

    /// <summary>Brings the producer's half of a slot to the state before the race, on the producer's thread, alone and first.</summary>
    internal abstract void PrepareProducer(int slot);

    /// <summary>Brings the consumer's half of a slot to the state before the race, on the consumer's thread, alone.</summary>
    internal abstract void PrepareConsumer(int slot);

    /// <summary>
    /// Brings a slot's control words into the caller's cache. With the line shared by both processors a store has to wait for it while a load
    /// does not, which is when a missing barrier shows.
    /// </summary>
    internal uint Touch(int slot) => Rings[slot].Load(RingControlPage.FeatureBits) + Rings[slot].Load(RingControlPage.WriteIndex);

    /// <summary>The producer's step.</summary>
    /// <returns>Whether it noticed the consumer.</returns>
    internal abstract bool Produce(int slot);

    /// <summary>The consumer's step.</summary>
    /// <returns>Whether it noticed the producer.</returns>
    internal abstract bool Consume(int slot);
}
