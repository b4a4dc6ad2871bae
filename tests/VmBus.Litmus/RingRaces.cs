using VmBus.Memory.Rings;
using VmBus.Native.Linux;
using VmBus.Protocol.Ring;

namespace VmBus.Litmus;

/// <summary>A race of the two ends of a ring.</summary>
internal abstract class RingRace : Race
{
    private protected const uint RingBytes = RingControlPage.Size;
    private const int PagesPerRing = 2;
    private readonly MemoryFile _file;

    private protected RingRace(string name, int slots)
        : base(name)
    {
        _file = MemoryFile.Create("vmbus-litmus", (long)slots * PagesPerRing * RingControlPage.Size);
        Rings = new RingMapping[slots];
        for (int i = 0; i < slots; i++)
        {
            if (!RingMapping.TryMap(_file, (long)i * PagesPerRing * RingControlPage.Size, PagesPerRing, out RingMapping? ring))
                throw new InvalidOperationException("The rings cannot be mapped.");
            ring!.Initialize();
            Rings[i] = ring;
        }

        Writers = [.. Rings.Select(static ring => new RingWriter(ring))];
        Readers = [.. Rings.Select(static ring => new RingReader(ring, 2048))];
    }

    private protected RingMapping[] Rings { get; }

    private protected RingWriter[] Writers { get; }

    private protected RingReader[] Readers { get; }

    public override void Dispose()
    {
        foreach (RingMapping ring in Rings) ring.Dispose();
        _file.Dispose();
    }

    internal override uint Touch(int slot) => Rings[slot].Load(RingControlPage.FeatureBits) + Rings[slot].Load(RingControlPage.WriteIndex);

    private protected void ReadAll(int slot)
    {
        while (Readers[slot].TryRead(out _) == RingStatus.Ok)
        {
        }
    }
}

/// <summary>A producer publishes a packet while the consumer, done with the ring, unmasks signals to go to sleep.</summary>
internal sealed class PacketRace(int slots, Broken broken) : RingRace("new packet / unmask", slots)
{
    private const uint PacketBytes = 32;
    private readonly uint[] _published = new uint[slots], _seen = new uint[slots];

    internal override void PrepareProducer(int slot)
    {
        // What was stored without it becomes the writer's own.
        _ = Writers[slot].Commit();
        if (Writers[slot].TryWrite(PacketType.DataInband, [], [1], 0, 0) != RingStatus.Ok) throw new InvalidOperationException("A ring with one packet is full.");
    }

    internal override void PrepareConsumer(int slot)
    {
        _ = Readers[slot].UnmaskInterrupts();
        ReadAll(slot);
        _ = Readers[slot].Commit();
        Readers[slot].MaskInterrupts();
        _seen[slot] = Rings[slot].Load(RingControlPage.WriteIndex);
    }

    internal override bool Produce(int slot)
    {
        uint before = _published[slot];
        _published[slot] = (before + PacketBytes) % RingBytes;
        if (broken != Broken.Producer) return Writers[slot].Commit();
        Rings[slot].Store(RingControlPage.WriteIndex, _published[slot]);
        return Rings[slot].Load(RingControlPage.InterruptMask) == 0 && Rings[slot].Load(RingControlPage.ReadIndex) == before;
    }

    internal override bool Consume(int slot)
    {
        if (broken != Broken.Consumer) return Readers[slot].UnmaskInterrupts();
        Rings[slot].Store(RingControlPage.InterruptMask, 0);
        return Rings[slot].Load(RingControlPage.WriteIndex) != _seen[slot];
    }
}

/// <summary>A producer that found the ring full goes to sleep while the consumer gives space back.</summary>
internal sealed class SpaceRace(int slots, Broken broken) : RingRace("wait for space / give space", slots)
{
    private static readonly byte[] Payload = new byte[1000];
    private readonly uint[] _read = new uint[slots];

    internal override void PrepareProducer(int slot)
    {
        Writers[slot].StopWaitingForSpace();
        Rings[slot].Store(RingControlPage.PendingSendSize, 0);
        while (Writers[slot].TryWrite(PacketType.DataInband, [], Payload, 0, 0) == RingStatus.Ok)
        {
        }

        _ = Writers[slot].Commit();
        _read[slot] = Rings[slot].Load(RingControlPage.ReadIndex);
    }

    internal override void PrepareConsumer(int slot)
    {
        // What was stored without it becomes the reader's own.
        _ = Readers[slot].Commit();
        ReadAll(slot);
    }

    internal override bool Produce(int slot)
    {
        if (broken != Broken.Producer) return !Writers[slot].WaitForSpace(Payload.Length);
        Rings[slot].Store(RingControlPage.PendingSendSize, RingBytes / 2);
        return Rings[slot].Load(RingControlPage.ReadIndex) != _read[slot];
    }

    internal override bool Consume(int slot)
    {
        if (broken != Broken.Consumer) return Readers[slot].Commit();
        // All that there is was read.
        Rings[slot].Store(RingControlPage.ReadIndex, Rings[slot].Load(RingControlPage.WriteIndex));
        return Rings[slot].Load(RingControlPage.PendingSendSize) != 0;
    }
}

/// <summary>A consumer that sees an index sees the packet before it.</summary>
internal sealed class PacketBytesRace(int slots, Broken broken) : RingRace("packet, then index / index, then packet", slots)
{
    private const uint PacketBytes = 88;
    private readonly byte[] _payload = new byte[64];
    private readonly uint[] _published = new uint[slots];
    private byte _round;

    internal override void PrepareProducer(int slot)
    {
        _ = Writers[slot].Commit();
        if (slot == 0) _payload.AsSpan().Fill(++_round);
    }

    internal override void PrepareConsumer(int slot)
    {
        ReadAll(slot);
        _ = Readers[slot].Commit();
    }

    internal override bool Produce(int slot)
    {
        _published[slot] = (_published[slot] + PacketBytes) % RingBytes;
        if (broken == Broken.Producer) Rings[slot].Store(RingControlPage.WriteIndex, _published[slot]);
        if (Writers[slot].TryWrite(PacketType.DataInband, [], _payload, 0, 0) != RingStatus.Ok) throw new InvalidOperationException("A ring with one packet is full.");
        _ = Writers[slot].Commit();
        return false;
    }

    internal override bool Consume(int slot)
    {
        RingStatus status = RingStatus.Empty;
        RingPacket packet = default;
        for (int looks = 0; looks < 5000 && status == RingStatus.Empty; looks++) status = Readers[slot].TryRead(out packet);
        bool isWhole = status switch
        {
            RingStatus.Ok => !packet.Payload.ContainsAnyExcept(_round),
            RingStatus.Empty => true,
            _ => false,
        };
        return isWhole;
    }

    internal override bool HasMissed(int slot, bool produced, bool consumed) => !consumed;
}

/// <summary>A writer that sees space overwrites nothing that is still being copied. The ring's reader is the producer: of space.</summary>
internal sealed class SpaceBytesRace(int slots, Broken broken) : RingRace("copy, then give space / space, then overwrite", slots)
{
    private const uint PacketBytes = 1024;
    private readonly byte[] _payload = new byte[1000];
    private byte _round;

    internal override void PrepareProducer(int slot)
    {
        ReadAll(slot);
        _ = Readers[slot].Commit();
    }

    // To the last byte, so that the next packet lies where the first one was.
    internal override void PrepareConsumer(int slot)
    {
        if (slot == 0) _round++;
        _payload.AsSpan().Fill(_round);
        while (Writers[slot].TryWrite(PacketType.DataInband, [], _payload, 0, 0) == RingStatus.Ok)
        {
        }

        while (Writers[slot].TryWrite(PacketType.DataInband, [], [1], 0, 0) == RingStatus.Ok)
        {
        }

        _ = Writers[slot].Commit();
        _payload.AsSpan().Fill((byte)~_round);
    }

    internal override bool Produce(int slot)
    {
        if (broken == Broken.Producer) Rings[slot].Store(RingControlPage.ReadIndex, (Rings[slot].Load(RingControlPage.ReadIndex) + PacketBytes) % RingBytes);
        bool isWhole = Readers[slot].TryRead(out RingPacket packet) == RingStatus.Ok && !packet.Payload.ContainsAnyExcept(_round);
        _ = Readers[slot].Commit();
        return isWhole;
    }

    internal override bool Consume(int slot)
    {
        RingStatus status = RingStatus.Full;
        for (int looks = 0; looks < 5000 && status == RingStatus.Full; looks++) status = Writers[slot].TryWrite(PacketType.DataInband, [], _payload, 0, 0);
        _ = Writers[slot].Commit();
        return true;
    }

    internal override bool HasMissed(int slot, bool produced, bool consumed) => !produced;
}
