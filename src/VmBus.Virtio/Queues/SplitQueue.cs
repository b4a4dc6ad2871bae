using System.Buffers.Binary;
using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Queues;

/// <summary>A virtqueue of three parts: descriptors, the ring of what is available and the ring of what was used.</summary>
/// <remarks>Source: virtio 1.3, 2.7 Split Virtqueues.</remarks>
internal sealed class SplitQueue : Virtqueue
{
    private readonly QueueArea _descriptors;
    private readonly QueueArea _available;
    private readonly QueueArea _used;
    private readonly int _mask;
    private ushort _next;
    private ushort _seen;
    private ushort _usedIndex;
    private ushort _publishedIndex;
    private bool _mustSignal = true;

    /// <summary>Goes on where <see cref="QueueSettings.Base"/> says, or where requests on their way have been remembered.</summary>
    public SplitQueue(IDeviceMemory memory, QueueSettings settings, QueueArea descriptors, QueueArea available, QueueArea used)
        : base(memory, settings)
    {
        _descriptors = descriptors;
        _available = available;
        _used = used;
        _mask = settings.Size - 1;
        _usedIndex = _publishedIndex = used.ReadUInt16(2);
        _next = (ushort)settings.Base;
        if (settings.Inflight is { } inflight)
        {
            RecoveredCount = inflight.Recover(_usedIndex);
            _next = (ushort)(_usedIndex + RecoveredCount);
        }

        _seen = _next;
    }

    /// <inheritdoc/>
    public override uint Base => _next;

    /// <inheritdoc/>
    public override bool Publish()
    {
        if (_publishedIndex == _usedIndex) return false;
        ushort old = _publishedIndex;
        _publishedIndex = _usedIndex;
        _used.WriteUInt16(2, _usedIndex);
        Settings.Inflight?.Published(_usedIndex);
        if (Settings is { Log: { } log, LoggedUsed: { } used }) log.Mark(used, 4);
        // The driver publishes its wish before it looks at the index; this is the other half.
        Interlocked.MemoryBarrier();
        bool must = _mustSignal;
        _mustSignal = false;
        if (!Settings.EventIndex) return (_available.ReadUInt16(0) & QueueLayout.NoInterrupt) == 0;
        ushort wanted = _available.ReadUInt16(QueueLayout.AvailableElement(Size));
        return must || (ushort)(_usedIndex - wanted - 1) < (ushort)(_usedIndex - old);
    }

    /// <inheritdoc/>
    public override bool EnableKicks()
    {
        if (Settings.EventIndex) _used.WriteUInt16(QueueLayout.UsedElement(Size), _next);
        else _used.WriteUInt16(0, 0);
        if (Settings is { Log: { } log, LoggedUsed: { } used })
            log.Mark(used, QueueLayout.UsedBytes(Size));
        // Pairs with the driver's fence between publishing a request and looking at the wish.
        Interlocked.MemoryBarrier();
        return _available.ReadUInt16(2) != _next;
    }

    /// <inheritdoc/>
    public override void DisableKicks()
    {
        // With event indices the old wish, which has passed, asks for nothing.
        if (!Settings.EventIndex) _used.WriteUInt16(0, QueueLayout.NoNotify);
    }

    private protected override QueueTake TakeNext(DescriptorChain chain)
    {
        // What a process before this one had taken and not completed comes first, in the order taken.
        if (Settings.Inflight is { } inflight && inflight.TryTakeRecovered(out ushort recovered)) return Walk(chain, recovered);
        if (_next == _seen)
        {
            _seen = _available.ReadUInt16(2);
            if (_next == _seen) return QueueTake.Empty;
            if ((ushort)(_seen - _next) > Size) return Break($"the available index is {_seen} where at most {(ushort)(_next + Size)} can be");
        }

        if (InFlight >= Size) return Break("more requests are on their way than the ring holds");
        ushort head = _available.ReadUInt16(QueueLayout.AvailableElement(_next & _mask));
        QueueTake result = Walk(chain, head);
        if (result != QueueTake.Taken) return result;
        Settings.Inflight?.Taken(head);
        _next++;
        return result;
    }

    private protected override void WriteUsed(DescriptorChain chain, uint writtenBytes)
    {
        int element = QueueLayout.UsedElement(_usedIndex & _mask);
        _used.WriteUInt32(element, chain.Id);
        _used.WriteUInt32(element + 4, writtenBytes);
        Settings.Inflight?.Completed(chain.Id);
        if (Settings is { Log: { } log, LoggedUsed: { } used }) log.Mark(used + (ulong)element, QueueLayout.UsedElementBytes);
        _usedIndex++;
    }

    private QueueTake Walk(DescriptorChain chain, ushort head)
    {
        chain.Begin(head);
        ushort index = head;
        for (int count = 0; count < Size; count++)
        {
            if (index >= Size) return Break($"descriptor {index} is outside the ring of {Size}");
            int at = index * QueueLayout.DescriptorBytes;
            ulong address = _descriptors.ReadUInt64(at);
            uint bytes = _descriptors.ReadUInt32(at + 8);
            var flags = (DescriptorFlags)_descriptors.ReadUInt16(at + 12);
            if ((flags & DescriptorFlags.Indirect) != 0) return WalkTable(chain, address, bytes, flags);
            if (!chain.TryAdd(address, bytes, (flags & DescriptorFlags.Write) != 0))
                return Break("a descriptor to be read follows one to be written, or a chain is too long");
            if ((flags & DescriptorFlags.Next) == 0) return QueueTake.Taken;
            index = _descriptors.ReadUInt16(at + 14);
        }

        return Break("a chain has a loop");
    }

    private QueueTake WalkTable(DescriptorChain chain, ulong address, uint bytes, DescriptorFlags flags)
    {
        if (!Settings.IndirectDescriptors) return Break("an indirect table was not agreed on");
        if ((flags & DescriptorFlags.Next) != 0) return Break("a chain goes on after an indirect table");
        ReadOnlySpan<byte> table = CopyTable(address, bytes);
        if (table.IsEmpty) return QueueTake.Broken;
        int entries = table.Length / QueueLayout.DescriptorBytes;
        int index = 0;
        for (int count = 0; count < entries; count++)
        {
            if (index >= entries) return Break($"descriptor {index} is outside an indirect table of {entries}");
            ReadOnlySpan<byte> entry = table[(index * QueueLayout.DescriptorBytes)..];
            var entryFlags = (DescriptorFlags)BinaryPrimitives.ReadUInt16LittleEndian(entry[12..]);
            if ((entryFlags & DescriptorFlags.Indirect) != 0) return Break("an indirect table names another");
            uint entryBytes = BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
            if (!chain.TryAdd(BinaryPrimitives.ReadUInt64LittleEndian(entry), entryBytes, (entryFlags & DescriptorFlags.Write) != 0))
                return Break("a descriptor to be read follows one to be written, or a chain is too long");
            if ((entryFlags & DescriptorFlags.Next) == 0) return QueueTake.Taken;
            index = BinaryPrimitives.ReadUInt16LittleEndian(entry[14..]);
        }

        return Break("an indirect table has a loop");
    }
}
