using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;

namespace VmBus.Litmus;

/// <summary>A producer that found the ring full goes to sleep while the consumer gives space back.</summary>
internal sealed class SpaceRace : Race
{
    private static readonly byte[] Payload = new byte[1000];
    private readonly RingWriter[] _writers;
    private readonly RingReader[] _readers;

    internal SpaceRace(int slots)
        : base("wait for space / give space", slots)
    {
        _writers = [.. Rings.Select(ring => new RingWriter(ring))];
        _readers = [.. Rings.Select(ring => new RingReader(ring, 2048))];
    }

    internal override void PrepareProducer(int slot)
    {
        _writers[slot].StopWaitingForSpace();
        while (_writers[slot].TryWrite(PacketType.DataInband, [], Payload, 0, 0) == RingStatus.Ok)
        {
        }

        _writers[slot].Commit();
    }

    internal override void PrepareConsumer(int slot)
    {
        while (_readers[slot].TryRead(out _) == RingStatus.Ok)
        {
        }
    }

    internal override bool Produce(int slot) => !_writers[slot].WaitForSpace(Payload.Length);

    internal override bool Consume(int slot) => _readers[slot].Commit();
}

/// <summary>The same race with the barriers left out: the control that must miss wake-ups, else the program proves nothing.</summary>
internal sealed class BrokenSpaceRace(int slots) : Race("wait for space / give space, no barrier", slots)
{
    private const uint Used = 3072;

    internal override void PrepareProducer(int slot)
    {
        Rings[slot].Store(RingControlPage.WriteIndex, Used);
        Rings[slot].Store(RingControlPage.PendingSendSize, 0);
    }

    internal override void PrepareConsumer(int slot) => Rings[slot].Store(RingControlPage.ReadIndex, 0);

    internal override bool Produce(int slot)
    {
        Rings[slot].Store(RingControlPage.PendingSendSize, 1032);
        return Rings[slot].Load(RingControlPage.ReadIndex) == Used;
    }

    internal override bool Consume(int slot)
    {
        Rings[slot].Store(RingControlPage.ReadIndex, Used);
        return Rings[slot].Load(RingControlPage.PendingSendSize) != 0;
    }
}
