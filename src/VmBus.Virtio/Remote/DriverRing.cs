using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Remote;

/// <summary>The driver's end of a split virtqueue, in memory that the back-end has too.</summary>
/// <remarks>One thread at a time. What the back-end writes is read once and checked. Source: virtio 1.3, 2.7; protocol-spec/vhost-user.md#front-end.</remarks>
internal class DriverRing
{
    /// <summary>Descriptors, and the most chains at once.</summary>
    public const int Size = 256;

    /// <summary>Bytes of the ring's three parts.</summary>
    public const int RingBytes = 8192;

    private const int AvailableAt = Size * QueueLayout.DescriptorBytes;
    private const int UsedAt = AvailableAt + 1024;

    private readonly QueueArea _area;
    private readonly QueueArea _available;
    private readonly QueueArea _used;
    private readonly nint _address;
    private readonly bool _eventIndex;
    private ushort _availableIndex;
    private ushort _publishedIndex;
    private ushort _usedIndex;

    /// <summary>A ring in memory that is zero.</summary>
    /// <param name="area">The memory, at least <see cref="RingBytes"/> long.</param>
    /// <param name="address">Where that is in this process, which is how the back-end knows it.</param>
    /// <param name="eventIndex">Whether both sides say when they want a signal.</param>
    public DriverRing(QueueArea area, nint address, bool eventIndex)
    {
        _area = area;
        _address = address;
        _eventIndex = eventIndex;
        _available = area.Slice(AvailableAt, QueueLayout.AvailableBytes(Size));
        _used = area.Slice(UsedAt, QueueLayout.UsedBytes(Size));
    }

    /// <summary>Address of the descriptors.</summary>
    public nint Descriptors => _address;

    /// <summary>Address of the part that the driver writes.</summary>
    public nint Available => _address + AvailableAt;

    /// <summary>Address of the part that the device writes.</summary>
    public nint Used => _address + UsedAt;

    /// <summary>Puts the ring into its first state. The device does not run it.</summary>
    public void Clear()
    {
        _area.Span(0, RingBytes).Clear();
        _availableIndex = _publishedIndex = _usedIndex = 0;
    }

    /// <summary>Writes a descriptor.</summary>
    public void Describe(int id, nint address, int bytes, DescriptorFlags flags, int next)
    {
        int at = id * QueueLayout.DescriptorBytes;
        _area.WriteUInt64(at, (ulong)address);
        _area.WriteUInt32(at + 8, (uint)bytes);
        _area.WriteUInt16(at + 12, (ushort)flags);
        _area.WriteUInt16(at + 14, (ushort)next);
    }

    /// <summary>Gives a chain to the device, which sees it after <see cref="Publish"/>.</summary>
    public void Offer(int head)
    {
        _available.WriteUInt16(QueueLayout.AvailableElement(_availableIndex & (Size - 1)), (ushort)head);
        _availableIndex++;
    }

    /// <summary>Makes known what was given.</summary>
    /// <returns>Whether the device wants a kick.</returns>
    public bool Publish()
    {
        if (_publishedIndex == _availableIndex) return false;
        ushort old = _publishedIndex;
        _publishedIndex = _availableIndex;
        _available.WriteUInt16(2, _availableIndex);
        // The device publishes its wish before it looks at the index; this is the other half.
        Interlocked.MemoryBarrier();
        return _eventIndex
            ? (ushort)(_availableIndex - _used.ReadUInt16(QueueLayout.UsedElement(Size)) - 1) < (ushort)(_availableIndex - old)
            : (_used.ReadUInt16(0) & QueueLayout.NoNotify) == 0;
    }

    /// <summary>Chains that the device has used and that were not taken yet; more than <see cref="Size"/> when it breaks the ring's rules.</summary>
    public int UsedCount() => (ushort)(_used.ReadUInt16(2) - _usedIndex);

    /// <summary>A chain that was used: its head and what was written. Both may be anything.</summary>
    /// <param name="index">From 0, the oldest.</param>
    public (uint Head, uint Bytes) UsedAtIndex(int index)
    {
        int element = QueueLayout.UsedElement((ushort)(_usedIndex + index) & (Size - 1));
        return (_used.ReadUInt32(element), _used.ReadUInt32(element + 4));
    }

    /// <summary>Takes the oldest chains that were used.</summary>
    public void Take(int count) => _usedIndex += (ushort)count;

    /// <summary>Asks for a signal when the next chain is used.</summary>
    /// <returns>False when one was used meanwhile.</returns>
    public bool AskForCall()
    {
        if (_eventIndex) _available.WriteUInt16(QueueLayout.AvailableElement(Size), _usedIndex);
        // Pairs with the device's fence between publishing what it used and looking at the wish.
        Interlocked.MemoryBarrier();
        return UsedCount() == 0;
    }

    /// <summary>Asks for no signals; with the event index to be said again when chains were taken.</summary>
    public void AskForNoCall()
    {
        // Further away than there are chains.
        if (!_eventIndex) _available.WriteUInt16(0, QueueLayout.NoInterrupt);
        else _available.WriteUInt16(QueueLayout.AvailableElement(Size), (ushort)(_usedIndex + 0x8000));
    }
}
