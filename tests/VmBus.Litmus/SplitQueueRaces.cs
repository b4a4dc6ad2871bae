using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Queues;
using VmBus.Virtio.Remote;

namespace VmBus.Litmus;

/// <summary>A race of driver and device of a split virtqueue, each this project's own.</summary>
internal abstract class SplitQueueRace : Race
{
    private const int AvailableAt = DriverRing.Size * QueueLayout.DescriptorBytes;
    private const int UsedAt = AvailableAt + 1024;

    private readonly GuestMemory _memory;

    private protected SplitQueueRace(string name, int slots, bool eventIndex)
        : base($"{name}, {(eventIndex ? "event index" : "flags")}")
    {
        EventIndex = eventIndex;
        _memory = GuestMemory.Create((ulong)slots * DriverRing.RingBytes);
        if (!_memory.TryGetHostAddress(new Gpa(0), (ulong)slots * DriverRing.RingBytes, out nint start)) throw new InvalidOperationException("The rings cannot be mapped.");
        (Drivers, Devices) = (new DriverRing[slots], new SplitQueue[slots]);
        (Available, Used) = (new QueueArea[slots], new QueueArea[slots]);
        Chains = [.. Enumerable.Range(0, slots).Select(static _ => new DescriptorChain())];
        var settings = new QueueSettings { Size = DriverRing.Size, EventIndex = eventIndex };
        for (int i = 0; i < slots; i++)
        {
            nint address = start + (i * DriverRing.RingBytes);
            var area = new QueueArea(address, DriverRing.RingBytes);
            Available[i] = area.Slice(AvailableAt, QueueLayout.AvailableBytes(DriverRing.Size));
            Used[i] = area.Slice(UsedAt, QueueLayout.UsedBytes(DriverRing.Size));
            Drivers[i] = new DriverRing(area, address, eventIndex);
            Devices[i] = new SplitQueue(_memory, settings, area.Slice(0, AvailableAt), Available[i], Used[i]);
        }
    }

    private protected bool EventIndex { get; }

    private protected DriverRing[] Drivers { get; }

    private protected SplitQueue[] Devices { get; }

    private protected QueueArea[] Available { get; }

    private protected QueueArea[] Used { get; }

    private protected DescriptorChain[] Chains { get; }

    public override void Dispose() => _memory.Dispose();

    internal override uint Touch(int slot) => Available[slot].ReadUInt32(0) + Used[slot].ReadUInt32(0);

    /// <summary>A driver's next chain, of one descriptor.</summary>
    private protected void Offer(int slot, int id, int bytes)
    {
        Drivers[slot].Describe(id, 0x1000, bytes, DescriptorFlags.None, 0);
        Drivers[slot].Offer(id);
    }

    private protected void TakeAndUse(int slot)
    {
        while (Devices[slot].TryTake(Chains[slot]) == QueueTake.Taken) Devices[slot].Complete(Chains[slot], 0);
        _ = Devices[slot].Publish();
        Drivers[slot].Take(Drivers[slot].UsedCount());
    }
}

/// <summary>A driver publishes a request while the device, done with the queue, asks for kicks to go to sleep.</summary>
internal sealed class KickRace(int slots, bool eventIndex, Broken broken) : SplitQueueRace("split: new request / ask for kicks", slots, eventIndex)
{
    internal override void PrepareProducer(int slot)
    {
        // What was stored without it becomes the driver's own.
        _ = Drivers[slot].Publish();
        Offer(slot, 0, 1);
    }

    internal override void PrepareConsumer(int slot)
    {
        TakeAndUse(slot);
        Devices[slot].DisableKicks();
    }

    internal override bool Produce(int slot)
    {
        if (broken != Broken.Producer) return Drivers[slot].Publish();
        ushort index = (ushort)(Available[slot].ReadUInt16(2) + 1);
        Available[slot].WriteUInt16(2, index);
        return EventIndex ? Used[slot].ReadUInt16(QueueLayout.UsedElement(DriverRing.Size)) == (ushort)(index - 1) : (Used[slot].ReadUInt16(0) & QueueLayout.NoNotify) == 0;
    }

    internal override bool Consume(int slot)
    {
        if (broken != Broken.Consumer) return Devices[slot].EnableKicks();
        ushort next = (ushort)Devices[slot].Base;
        if (EventIndex) Used[slot].WriteUInt16(QueueLayout.UsedElement(DriverRing.Size), next);
        else Used[slot].WriteUInt16(0, 0);
        return Available[slot].ReadUInt16(2) != next;
    }
}

/// <summary>A device publishes what it has used while the driver, done with the queue, asks for a call to go to sleep.</summary>
internal sealed class CallRace(int slots, Broken broken) : SplitQueueRace("split: used request / ask for a call", slots, eventIndex: true)
{
    internal override void PrepareProducer(int slot)
    {
        _ = Devices[slot].Publish();
        while (Devices[slot].TryTake(Chains[slot]) == QueueTake.Taken) Devices[slot].Complete(Chains[slot], 0);
    }

    internal override void PrepareConsumer(int slot)
    {
        Drivers[slot].Take(Drivers[slot].UsedCount());
        // For the next round; the first one has nothing to use.
        Offer(slot, 0, 1);
        _ = Drivers[slot].Publish();
        Drivers[slot].AskForNoCall();
    }

    internal override bool Produce(int slot)
    {
        if (Devices[slot].Base == 0) return true;
        if (broken != Broken.Producer) return Devices[slot].Publish();
        ushort index = (ushort)(Used[slot].ReadUInt16(2) + 1);
        Used[slot].WriteUInt16(2, index);
        return Available[slot].ReadUInt16(QueueLayout.AvailableElement(DriverRing.Size)) == (ushort)(index - 1);
    }

    internal override bool Consume(int slot)
    {
        if (broken != Broken.Consumer) return !Drivers[slot].AskForCall();
        // One is the device's to use, and one was offered for the next round.
        ushort before = (ushort)(Available[slot].ReadUInt16(2) - 2);
        Available[slot].WriteUInt16(QueueLayout.AvailableElement(DriverRing.Size), before);
        return Used[slot].ReadUInt16(2) != before;
    }
}

/// <summary>A device that sees the index of a request sees the request; a driver that sees the index of what was used sees what that is.</summary>
internal sealed class SplitBytesRace(int slots, Broken broken) : SplitQueueRace("split: entry, then index / index, then entry", slots, eventIndex: false)
{
    // No divisor of the ring's size: what an entry had before never was the same.
    private const int Ids = 251;
    private int _round;

    internal override void PrepareProducer(int slot)
    {
        if (slot == 0) _round++;
        Drivers[slot].Take(Drivers[slot].UsedCount());
    }

    internal override void PrepareConsumer(int slot)
    {
        while (Devices[slot].TryTake(Chains[slot]) == QueueTake.Taken) Devices[slot].Complete(Chains[slot], 0);
        _ = Devices[slot].Publish();
        Drivers[slot].Take(Drivers[slot].UsedCount());
    }

    // The driver: offers, and waits for what the device says that it has used.
    internal override bool Produce(int slot)
    {
        if (broken == Broken.Producer) Available[slot].WriteUInt16(2, (ushort)(Available[slot].ReadUInt16(2) + 1));
        Offer(slot, _round % Ids, _round);
        _ = Drivers[slot].Publish();
        if (!WaitFor(Drivers[slot], static driver => driver.UsedCount() != 0)) return true;
        return Drivers[slot].UsedAtIndex(0) == ((uint)(_round % Ids), (uint)_round);
    }

    // The device: takes, and gives back with a length that follows from the request.
    internal override bool Consume(int slot)
    {
        QueueTake take = QueueTake.Empty;
        for (int looks = 0; looks < 5000 && take == QueueTake.Empty; looks++) take = Devices[slot].TryTake(Chains[slot]);
        if (take != QueueTake.Taken) return take == QueueTake.Empty;
        bool isRight = Chains[slot].ReadableBytes == _round;
        if (broken == Broken.Consumer) Used[slot].WriteUInt16(2, (ushort)(Used[slot].ReadUInt16(2) + 1));
        Devices[slot].Complete(Chains[slot], (uint)_round);
        _ = Devices[slot].Publish();
        return isRight;
    }

    internal override bool HasMissed(int slot, bool produced, bool consumed) => !produced || !consumed;
}
