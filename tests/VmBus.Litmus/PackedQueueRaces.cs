using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Queues;

namespace VmBus.Litmus;

/// <summary>A race of a guest's driver and this project's device of a packed virtqueue: one descriptor at a time.</summary>
internal abstract class PackedQueueRace : Race
{
    private protected const DescriptorFlags Both = DescriptorFlags.Available | DescriptorFlags.Used;
    private const int Size = 16;
    private const int SlotBytes = 512;
    private const int DriverEventAt = Size * QueueLayout.DescriptorBytes;
    private const int DeviceEventAt = DriverEventAt + 128;
    private readonly GuestMemory _memory;
    private readonly (int At, bool Wrap)[] _next, _used;

    private protected PackedQueueRace(string name, int slots)
        : base(name)
    {
        _memory = GuestMemory.Create((ulong)Math.Max(slots * SlotBytes, Gpa.PageBytes));
        if (!_memory.TryGetHostAddress(new Gpa(0), (ulong)slots * SlotBytes, out nint start)) throw new InvalidOperationException("The rings cannot be mapped.");
        (Devices, Rings, DriverEvents, DeviceEvents) = (new PackedQueue[slots], new QueueArea[slots], new QueueArea[slots], new QueueArea[slots]);
        Chains = [.. Enumerable.Range(0, slots).Select(static _ => new DescriptorChain())];
        var settings = new QueueSettings { Size = Size, IsPacked = true, Base = PackedQueue.FreshBase };
        for (int i = 0; i < slots; i++)
        {
            var area = new QueueArea(start + (i * SlotBytes), SlotBytes);
            Rings[i] = area.Slice(0, DriverEventAt);
            DriverEvents[i] = area.Slice(DriverEventAt, QueueLayout.EventBytes);
            DeviceEvents[i] = area.Slice(DeviceEventAt, QueueLayout.EventBytes);
            Devices[i] = new PackedQueue(_memory, settings, Rings[i], DriverEvents[i], DeviceEvents[i]);
        }

        _next = [.. Enumerable.Repeat((0, true), slots)];
        _used = [.. Enumerable.Repeat((0, true), slots)];
    }

    private protected PackedQueue[] Devices { get; }

    private protected QueueArea[] Rings { get; }

    private protected QueueArea[] DriverEvents { get; }

    private protected QueueArea[] DeviceEvents { get; }

    private protected DescriptorChain[] Chains { get; }

    public override void Dispose() => _memory.Dispose();

    internal override uint Touch(int slot) => Rings[slot].ReadUInt32(FlagsAt(_next[slot].At) - 2) + DriverEvents[slot].ReadUInt32(0) + DeviceEvents[slot].ReadUInt32(0);

    /// <summary>The next descriptor, but for its flags.</summary>
    private protected void Describe(int slot, ushort id, uint bytes)
    {
        int at = _next[slot].At * QueueLayout.DescriptorBytes;
        Rings[slot].WriteUInt64(at, 0x1000);
        Rings[slot].WriteUInt32(at + 8, bytes);
        Rings[slot].WriteUInt16(at + 12, id);
    }

    /// <summary>Makes it available.</summary>
    private protected void SetAvailable(int slot)
    {
        (int at, bool wrap) = _next[slot];
        Rings[slot].WriteUInt16(FlagsAt(at), (ushort)(wrap ? DescriptorFlags.Available : DescriptorFlags.Used));
    }

    private protected void Advance(int slot) => _next[slot] = After(_next[slot]);

    /// <summary>Whether the descriptor that was offered longest ago is used.</summary>
    private protected bool IsUsed(int slot) => ((DescriptorFlags)Rings[slot].ReadUInt16(FlagsAt(_used[slot].At)) & Both) == UsedFlags(slot);

    /// <summary>Whether the descriptor that the device looks for is available.</summary>
    private protected bool IsAvailable(int slot)
    {
        uint place = Devices[slot].Base & 0xFFFF;
        var flags = (DescriptorFlags)Rings[slot].ReadUInt16(FlagsAt((int)place & 0x7FFF));
        return (flags & Both) == ((place & 0x8000) != 0 ? DescriptorFlags.Available : DescriptorFlags.Used);
    }

    /// <summary>Marks it as used, as the device does.</summary>
    private protected void SetUsed(int slot) => Rings[slot].WriteUInt16(FlagsAt(_used[slot].At), (ushort)UsedFlags(slot));

    private protected (ushort Id, uint Bytes) Used(int slot)
    {
        int at = _used[slot].At * QueueLayout.DescriptorBytes;
        return (Rings[slot].ReadUInt16(at + 12), Rings[slot].ReadUInt32(at + 8));
    }

    private protected void TakeUsed(int slot)
    {
        while (_used[slot] != _next[slot] && IsUsed(slot)) _used[slot] = After(_used[slot]);
    }

    private protected void UseAll(int slot)
    {
        while (Devices[slot].TryTake(Chains[slot]) == QueueTake.Taken) Devices[slot].Complete(Chains[slot], 0);
        _ = Devices[slot].Publish();
    }

    private DescriptorFlags UsedFlags(int slot) => _used[slot].Wrap ? Both : DescriptorFlags.None;

    private static int FlagsAt(int at) => (at * QueueLayout.DescriptorBytes) + 14;

    private static (int At, bool Wrap) After((int At, bool Wrap) place) => place.At + 1 < Size ? (place.At + 1, place.Wrap) : (0, !place.Wrap);
}

/// <summary>A driver makes a request available while the device, done with the queue, asks for kicks to go to sleep.</summary>
internal sealed class PackedKickRace(int slots, Broken broken) : PackedQueueRace("packed: new request / ask for kicks", slots)
{
    internal override void PrepareProducer(int slot)
    {
        TakeUsed(slot);
        Describe(slot, 1, 1);
    }

    internal override void PrepareConsumer(int slot)
    {
        UseAll(slot);
        Devices[slot].DisableKicks();
    }

    internal override bool Produce(int slot)
    {
        SetAvailable(slot);
        Advance(slot);
        if (broken != Broken.Producer) Interlocked.MemoryBarrier();
        return (RingEvent)(DeviceEvents[slot].ReadUInt32(0) >> 16) != RingEvent.Disable;
    }

    internal override bool Consume(int slot)
    {
        if (broken != Broken.Consumer) return Devices[slot].EnableKicks();
        DeviceEvents[slot].WriteUInt32(0, (uint)RingEvent.Enable << 16);
        return IsAvailable(slot);
    }
}

/// <summary>A device publishes what it has used while the driver, done with the queue, asks for interrupts to go to sleep.</summary>
internal sealed class PackedCallRace(int slots, Broken broken) : PackedQueueRace("packed: used request / ask for interrupts", slots)
{
    internal override void PrepareProducer(int slot)
    {
        // What was marked without it becomes the device's own; then what was offered last.
        _ = Devices[slot].Publish();
        while (Devices[slot].TryTake(Chains[slot]) == QueueTake.Taken) Devices[slot].Complete(Chains[slot], 0);
    }

    internal override void PrepareConsumer(int slot)
    {
        TakeUsed(slot);
        Describe(slot, 1, 1);
        SetAvailable(slot);
        Advance(slot);
        DriverEvents[slot].WriteUInt32(0, (uint)RingEvent.Disable << 16);
    }

    internal override bool Produce(int slot)
    {
        // The first round has nothing to use.
        if (Devices[slot].Base == PackedQueue.FreshBase) return true;
        if (broken != Broken.Producer) return Devices[slot].Publish();
        SetUsed(slot);
        return (RingEvent)(DriverEvents[slot].ReadUInt32(0) >> 16) != RingEvent.Disable;
    }

    internal override bool Consume(int slot)
    {
        DriverEvents[slot].WriteUInt32(0, (uint)RingEvent.Enable << 16);
        if (broken != Broken.Consumer) Interlocked.MemoryBarrier();
        return IsUsed(slot);
    }
}

/// <summary>A device that sees the flags of a request sees the request; a driver that sees those of what was used sees what that is.</summary>
internal sealed class PackedBytesRace(int slots, Broken broken) : PackedQueueRace("packed: entry, then flags / flags, then entry", slots)
{
    private uint _round;

    private ushort Id => (ushort)(_round % 251);

    internal override void PrepareProducer(int slot)
    {
        if (slot == 0) _round++;
    }

    internal override void PrepareConsumer(int slot)
    {
        UseAll(slot);
        TakeUsed(slot);
    }

    internal override bool Produce(int slot)
    {
        if (broken == Broken.Producer) SetAvailable(slot);
        Describe(slot, Id, _round);
        SetAvailable(slot);
        Advance(slot);
        return !WaitFor((Race: this, Slot: slot), static wait => wait.Race.IsUsed(wait.Slot)) || Used(slot) == (Id, _round + 1);
    }

    internal override bool Consume(int slot)
    {
        QueueTake take = QueueTake.Empty;
        for (int looks = 0; looks < 5000 && take == QueueTake.Empty; looks++) take = Devices[slot].TryTake(Chains[slot]);
        if (take != QueueTake.Taken) return take == QueueTake.Empty;
        bool isRight = Chains[slot].Id == Id && Chains[slot].ReadableBytes == _round;
        if (broken == Broken.Consumer) SetUsed(slot);
        // A length that the request has not, so that it is seen when it is not there yet.
        Devices[slot].Complete(Chains[slot], _round + 1);
        _ = Devices[slot].Publish();
        return isRight;
    }

    internal override bool HasMissed(int slot, bool produced, bool consumed) => !produced || !consumed;
}
