using VmBus.Memory.Guest;
using VmBus.Memory.Queues;

namespace VmBus.Litmus;

/// <summary>Work that is told once, by an exchange, until whoever does it takes the mark away: what queues (<c>QueueWake</c>) and lanes (<c>Lane.Post</c>) are woken by.</summary>
internal sealed class WakeRace(int slots, Broken broken) : Race("work, then mark / unmark, then work")
{
    // Each on a cache line of its own.
    private const int Stride = 32;
    private readonly int[] _marks = new int[slots * Stride], _work = new int[slots * Stride];
    private int _round;

    public override void Dispose()
    {
    }

    internal override void PrepareProducer(int slot)
    {
        if (slot == 0) _round++;
        _marks[slot * Stride] = 1;
    }

    internal override void PrepareConsumer(int slot)
    {
    }

    internal override uint Touch(int slot) => (uint)(Volatile.Read(ref _marks[slot * Stride]) + Volatile.Read(ref _work[slot * Stride]));

    internal override bool Produce(int slot)
    {
        Volatile.Write(ref _work[slot * Stride], _round);
        if (broken == Broken.Producer && Volatile.Read(ref _marks[slot * Stride]) != 0) return false;
        return Interlocked.Exchange(ref _marks[slot * Stride], 1) == 0;
    }

    internal override bool Consume(int slot)
    {
        if (broken == Broken.Consumer) Volatile.Write(ref _marks[slot * Stride], 0);
        else Interlocked.Exchange(ref _marks[slot * Stride], 0);
        return Volatile.Read(ref _work[slot * Stride]) == _round;
    }
}

/// <summary>Bits of the same byte that two queues mark in a log of written pages are both there.</summary>
internal sealed class MarkRace : Race
{
    private const int Stride = 128;
    private readonly GuestMemory _memory;
    private readonly QueueArea _area;
    private readonly Broken _broken;

    internal MarkRace(int slots, Broken broken)
        : base("mark a page / mark another")
    {
        _broken = broken;
        _memory = GuestMemory.Create((ulong)Math.Max(slots * Stride, Gpa.PageBytes));
        if (!QueueArea.TryFind(_memory, new Gpa(0), slots * Stride, sizeof(uint), out _area)) throw new InvalidOperationException("The log cannot be mapped.");
    }

    public override void Dispose() => _memory.Dispose();

    internal override void PrepareProducer(int slot) => _area.WriteByte(slot * Stride, 0);

    internal override void PrepareConsumer(int slot)
    {
    }

    internal override uint Touch(int slot) => _area.ReadByte(slot * Stride);

    internal override bool Produce(int slot)
    {
        if (_broken == Broken.Producer) _area.WriteByte(slot * Stride, (byte)(_area.ReadByte(slot * Stride) | 1));
        else _area.SetBits(slot * Stride, 1);
        return true;
    }

    internal override bool Consume(int slot)
    {
        _area.SetBits(slot * Stride, 2);
        return true;
    }

    internal override bool HasMissed(int slot, bool produced, bool consumed) => _area.ReadByte(slot * Stride) != 3;
}
