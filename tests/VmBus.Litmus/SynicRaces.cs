using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Memory.Synic;

namespace VmBus.Litmus;

/// <summary>A race of a guest and this project's host over a page of the synthetic interrupt controller. A slot has a page of its own, and a word of data beside it.</summary>
internal abstract class SynicRace : Race
{
    private readonly GuestMemory _memory;

    private protected SynicRace(string name, int slots)
        : base(name)
    {
        _memory = GuestMemory.Create((ulong)slots * Gpa.PageBytes);
        if (!_memory.TryGetHostAddress(new Gpa(0), (ulong)slots * Gpa.PageBytes, out nint start)) throw new InvalidOperationException("The pages cannot be mapped.");
        (Pages, Messages, Flags) = (new QueueArea[slots], new MessageSlot[slots], new EventFlagBlock[slots]);
        for (int i = 0; i < slots; i++)
        {
            Pages[i] = new QueueArea(start + (i * Gpa.PageBytes), Gpa.PageBytes);
            if (!MessageSlot.TryOpen(_memory, Gpa.FromPage((ulong)i), 0, out Messages[i]) || !EventFlagBlock.TryOpen(_memory, Gpa.FromPage((ulong)i), 0, out Flags[i]))
                throw new InvalidOperationException("The pages cannot be mapped.");
        }
    }

    /// <summary>As the guest has them.</summary>
    private protected QueueArea[] Pages { get; }

    private protected MessageSlot[] Messages { get; }

    private protected EventFlagBlock[] Flags { get; }

    public override void Dispose() => _memory.Dispose();

    internal override uint Touch(int slot) => Pages[slot].ReadUInt32(0);
}

/// <summary>A host asks for the end of a message while the guest frees its slot.</summary>
internal sealed class EndOfMessageRace(int slots, Broken broken) : SynicRace("ask for the end of a message / free its slot", slots)
{
    private const uint PendingBit = 0x100;

    internal override void PrepareProducer(int slot) => Messages[slot].Write(1, [1, 2, 3, 4], pending: false);

    internal override void PrepareConsumer(int slot)
    {
    }

    internal override bool Produce(int slot)
    {
        if (broken == Broken.Producer) Pages[slot].WriteUInt32(4, 4 | PendingBit);
        else Messages[slot].RequestEndOfMessage();
        return Messages[slot].IsFree;
    }

    internal override bool Consume(int slot)
    {
        Pages[slot].WriteUInt32(0, 0);
        if (broken != Broken.Consumer) Interlocked.MemoryBarrier();
        return (Pages[slot].ReadUInt32(4) & PendingBit) != 0;
    }
}

/// <summary>A guest that sees the type of a message sees the message.</summary>
internal sealed class MessageBytesRace(int slots, Broken broken) : SynicRace("message, then type / type, then message", slots)
{
    private readonly byte[] _payload = new byte[MessageSlot.MaximumPayloadBytes];
    private byte _round;

    internal override void PrepareProducer(int slot)
    {
        if (slot == 0) _payload.AsSpan().Fill(++_round);
    }

    internal override void PrepareConsumer(int slot) => Pages[slot].WriteUInt32(0, 0);

    internal override bool Produce(int slot)
    {
        if (broken == Broken.Producer) Pages[slot].WriteUInt32(0, 1);
        Messages[slot].Write(1, _payload, pending: false);
        return false;
    }

    internal override bool Consume(int slot) => !WaitFor(Pages[slot], static page => page.ReadUInt32(0) != 0)
        || !Pages[slot].Span(16, MessageSlot.MaximumPayloadBytes).ContainsAnyExcept(_round);

    internal override bool HasMissed(int slot, bool produced, bool consumed) => !consumed;
}

/// <summary>A host that finds a flag still set sends no interrupt: the guest, which clears it, sees what was there before it was set.</summary>
internal sealed class FlagRace(int slots, Broken broken) : SynicRace("data, then set a flag / clear the flag, then data", slots)
{
    private const int FlagsAt = 0, DataAt = 2048;
    private uint _round;

    internal override void PrepareProducer(int slot)
    {
        if (slot == 0) _round++;
        _ = Flags[slot].Set(0);
    }

    internal override void PrepareConsumer(int slot)
    {
    }

    internal override bool Produce(int slot)
    {
        Pages[slot].WriteUInt32(DataAt, _round);
        if (broken == Broken.Producer && (Pages[slot].ReadUInt32(FlagsAt) & 1) != 0) return false;
        return Flags[slot].Set(0);
    }

    internal override bool Consume(int slot)
    {
        Pages[slot].WriteUInt32(FlagsAt, 0);
        if (broken != Broken.Consumer) Interlocked.MemoryBarrier();
        return Pages[slot].ReadUInt32(DataAt) == _round;
    }

    internal override uint Touch(int slot) => Pages[slot].ReadUInt32(FlagsAt) + Pages[slot].ReadUInt32(DataAt);
}

/// <summary>Flags of the same word that two threads set are both set.</summary>
internal sealed class TwoFlagsRace(int slots, Broken broken) : SynicRace("set a flag / set another", slots)
{
    internal override void PrepareProducer(int slot) => Pages[slot].WriteUInt32(0, 0);

    internal override void PrepareConsumer(int slot)
    {
    }

    internal override bool Produce(int slot)
    {
        if (broken == Broken.Producer) Pages[slot].WriteUInt32(0, Pages[slot].ReadUInt32(0) | 1);
        else _ = Flags[slot].Set(0);
        return true;
    }

    internal override bool Consume(int slot) => Flags[slot].Set(1);

    internal override bool HasMissed(int slot, bool produced, bool consumed) => Pages[slot].ReadUInt32(0) != 3;
}
