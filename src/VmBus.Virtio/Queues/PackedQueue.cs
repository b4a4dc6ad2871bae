using System.Buffers.Binary;
using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Queues;

/// <summary>A virtqueue of one ring, whose descriptors both sides write in place.</summary>
/// <remarks>
/// <see cref="Base"/> is two positions with the wrap counter in bit 15 of each half: of the next descriptor to be taken, and in the upper half of the
/// next to be written back. What is complete is written at once, but for the flags of the first: a driver looks no further than at that one, so
/// all of it becomes visible with one store. Source: virtio 1.3, 2.8 Packed Virtqueues.
/// </remarks>
internal sealed class PackedQueue : Virtqueue
{
    /// <summary>The base of a queue that nothing has been taken from: both wrap counters are 1.</summary>
    public const uint FreshBase = 0x8000_8000;

    private const ushort WrapBit = 1 << 15;
    private const DescriptorFlags Both = DescriptorFlags.Available | DescriptorFlags.Used;
    private const int NoBatch = -1;

    private readonly QueueArea _ring;
    private readonly QueueArea _driverEvent;
    private readonly QueueArea _deviceEvent;
    private Position _next;
    private Position _used;
    private int _slotsTaken;
    private int _batchSlots;
    private int _batchFirst = NoBatch;
    private DescriptorFlags _batchFlags;
    private bool _mustSignal = true;

    /// <summary>Goes on where <see cref="QueueSettings.Base"/> says, which <see cref="IsBase"/> has found good.</summary>
    public PackedQueue(IDeviceMemory memory, QueueSettings settings, QueueArea ring, QueueArea driverEvent, QueueArea deviceEvent)
        : base(memory, settings)
    {
        _ring = ring;
        _driverEvent = driverEvent;
        _deviceEvent = deviceEvent;
        uint start = settings.Base;
        // Some front-ends begin with 0. The wrap counters are 0 only after a round in which the first descriptor was marked as used.
        if (start == 0 && (FlagsAt(0) & DescriptorFlags.Used) == 0) start = FreshBase;
        // DPDK's says the lower half alone, and means both: nothing is under way in a queue that begins.
        else if (start <= ushort.MaxValue) start |= start << 16;
        _next = Position.From((ushort)start);
        _used = Position.From((ushort)(start >> 16));
    }

    /// <inheritdoc/>
    public override uint Base => _next.Word | ((uint)_used.Word << 16);

    /// <summary>Whether both positions are inside the ring.</summary>
    public static bool IsBase(uint value, int size) => (value & ~WrapBit & 0xFFFF) < size && (value >> 16 & ~WrapBit & 0xFFFF) < size;

    /// <inheritdoc/>
    public override bool Publish()
    {
        if (_batchFirst == NoBatch) return false;
        WriteFlags(_batchFirst, _batchFlags);
        int passed = _batchSlots;
        _slotsTaken -= passed;
        _batchSlots = 0;
        _batchFirst = NoBatch;
        // The driver publishes its wish before it looks at the ring; this is the other half.
        Interlocked.MemoryBarrier();
        bool must = _mustSignal;
        _mustSignal = false;
        uint wish = _driverEvent.ReadUInt32(0);
        return (RingEvent)((wish >> 16) & 3) switch
        {
            RingEvent.Disable => false,
            RingEvent.Position when Settings.EventIndex => must || Passes(Position.From((ushort)wish), passed),
            _ => true,
        };
    }

    /// <inheritdoc/>
    public override bool EnableKicks()
    {
        WriteEvent(Settings.EventIndex ? RingEvent.Position : RingEvent.Enable);
        // Pairs with the driver's fence between making a request available and looking at the wish.
        Interlocked.MemoryBarrier();
        return IsAvailable(FlagsAt(_next.Slot));
    }

    /// <inheritdoc/>
    public override void DisableKicks()
    {
        // With event indices the old wish, which has passed, asks for nothing.
        if (!Settings.EventIndex) WriteEvent(RingEvent.Disable);
    }

    private protected override QueueTake TakeNext(DescriptorChain chain)
    {
        DescriptorFlags flags = FlagsAt(_next.Slot);
        if (!IsAvailable(flags)) return QueueTake.Empty;
        chain.Begin(0);
        Position at = _next;
        // What is on its way holds its part of the ring, and what is complete does until the driver can see it.
        for (int count = 1; count <= Size - _slotsTaken; count++)
        {
            int offset = at.Slot * QueueLayout.DescriptorBytes;
            ulong address = _ring.ReadUInt64(offset);
            uint bytes = _ring.ReadUInt32(offset + 8);
            ushort id = _ring.ReadUInt16(offset + 12);
            bool last = (flags & DescriptorFlags.Next) == 0;
            at.Advance(1, Size);
            if ((flags & DescriptorFlags.Indirect) != 0)
            {
                QueueTake result = last ? WalkTable(chain, address, bytes) : Break("a chain goes on after an indirect table");
                if (result != QueueTake.Taken) return result;
            }
            else if (!chain.TryAdd(address, bytes, (flags & DescriptorFlags.Write) != 0))
            {
                return Break("a descriptor to be read follows one to be written, or a chain is too long");
            }

            if (last)
            {
                chain.Id = id;
                chain.RingSlots = count;
                _slotsTaken += count;
                _next = at;
                return QueueTake.Taken;
            }

            flags = FlagsAt(at.Slot);
        }

        return Break("more descriptors are on their way than the ring holds");
    }

    private protected override void WriteUsed(DescriptorChain chain, uint writtenBytes)
    {
        int offset = _used.Slot * QueueLayout.DescriptorBytes;
        _ring.WriteUInt32(offset + 8, writtenBytes);
        _ring.WriteUInt16(offset + 12, chain.Id);
        DescriptorFlags flags = (_used.Wrap ? Both : DescriptorFlags.None) | (writtenBytes > 0 ? DescriptorFlags.Write : DescriptorFlags.None);
        if (_batchFirst == NoBatch)
        {
            _batchFirst = _used.Slot;
            _batchFlags = flags;
        }
        else
        {
            WriteFlags(_used.Slot, flags);
        }

        if (Settings is { Log: { } log, LoggedRing: { } ring }) log.Mark(ring + (ulong)offset, QueueLayout.DescriptorBytes);
        _batchSlots += chain.RingSlots;
        _used.Advance(chain.RingSlots, Size);
    }

    private QueueTake WalkTable(DescriptorChain chain, ulong address, uint bytes)
    {
        if (!Settings.IndirectDescriptors) return Break("an indirect table was not agreed on");
        // In its order, whatever its identifiers and other flags say.
        for (ReadOnlySpan<byte> table = CopyTable(address, bytes); !table.IsEmpty; table = table[QueueLayout.DescriptorBytes..])
        {
            bool writable = ((DescriptorFlags)BinaryPrimitives.ReadUInt16LittleEndian(table[14..]) & DescriptorFlags.Write) != 0;
            if (!chain.TryAdd(BinaryPrimitives.ReadUInt64LittleEndian(table), BinaryPrimitives.ReadUInt32LittleEndian(table[8..]), writable))
                return Break("a descriptor to be read follows one to be written, or a chain is too long");
        }

        return Problem is null ? QueueTake.Taken : QueueTake.Broken;
    }

    // Whether the driver's wish lies among the descriptors that were just written back, the last of which is just before where it goes on.
    private bool Passes(Position wish, int passed)
    {
        int position = wish.Wrap == _used.Wrap ? wish.Slot : wish.Slot - Size;
        return (ushort)(_used.Slot - position - 1) < passed;
    }

    private bool IsAvailable(DescriptorFlags flags)
        => (flags & DescriptorFlags.Available) != 0 == _next.Wrap && (flags & DescriptorFlags.Used) != 0 != _next.Wrap;

    private DescriptorFlags FlagsAt(int slot) => (DescriptorFlags)_ring.ReadUInt16((slot * QueueLayout.DescriptorBytes) + 14);

    private void WriteFlags(int slot, DescriptorFlags flags) => _ring.WriteUInt16((slot * QueueLayout.DescriptorBytes) + 14, (ushort)flags);

    private void WriteEvent(RingEvent wish)
    {
        _deviceEvent.WriteUInt32(0, _next.Word | ((uint)wish << 16));
        if (Settings is { Log: { } log, LoggedUsed: { } used }) log.Mark(used, QueueLayout.EventBytes);
    }

    /// <summary>A place in the ring, and the wrap counter of the round that comes to it next.</summary>
    private struct Position
    {
        public int Slot;
        public bool Wrap;

        public readonly ushort Word => (ushort)(Slot | (Wrap ? WrapBit : 0));

        public static Position From(ushort word) => new() { Slot = word & ~WrapBit, Wrap = (word & WrapBit) != 0 };

        public void Advance(int slots, int size)
        {
            Slot += slots;
            if (Slot < size) return;
            Slot -= size;
            Wrap = !Wrap;
        }
    }
}
