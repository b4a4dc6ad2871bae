using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;

namespace VmBus.Litmus;

/// <summary>A producer publishes a packet while the consumer, done with the ring, unmasks signals to go to sleep.</summary>
internal sealed class PacketRace : Race
{
    private readonly RingWriter[] _writers;
    private readonly RingReader[] _readers;

    internal PacketRace(int slots)
        : base("new packet / unmask", slots)
    {
        _writers = [.. Rings.Select(ring => new RingWriter(ring))];
        _readers = [.. Rings.Select(ring => new RingReader(ring, 64))];
    }

    internal override void PrepareProducer(int slot)
    {
        if (_writers[slot].TryWrite(PacketType.DataInband, [], [1], 0, 0) != RingStatus.Ok)
            throw new InvalidOperationException("A ring with one packet is full.");
    }

    internal override void PrepareConsumer(int slot)
    {
        while (_readers[slot].TryRead(out _) == RingStatus.Ok)
        {
        }

        _readers[slot].Commit();
        _readers[slot].MaskInterrupts();
    }

    internal override bool Produce(int slot) => _writers[slot].Commit();

    internal override bool Consume(int slot) => _readers[slot].UnmaskInterrupts();
}

/// <summary>The same race with the barriers left out: the control that must miss wake-ups, else the program proves nothing.</summary>
internal sealed class BrokenPacketRace(int slots) : Race("new packet / unmask, no barrier", slots)
{
    private const uint PacketBytes = 32;

    internal override void PrepareProducer(int slot) => Rings[slot].Store(RingControlPage.WriteIndex, 0);

    internal override void PrepareConsumer(int slot) => Rings[slot].Store(RingControlPage.InterruptMask, 1);

    internal override bool Produce(int slot)
    {
        Rings[slot].Store(RingControlPage.WriteIndex, PacketBytes);
        return Rings[slot].Load(RingControlPage.InterruptMask) == 0 && Rings[slot].Load(RingControlPage.ReadIndex) == 0;
    }

    internal override bool Consume(int slot)
    {
        Rings[slot].Store(RingControlPage.InterruptMask, 0);
        return Rings[slot].Load(RingControlPage.WriteIndex) != 0;
    }
}
