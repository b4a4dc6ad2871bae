using VmBus.Protocol.Ring;

namespace VmBus.Memory.Rings;

/// <summary>The consuming end of a ring. One thread owns it.</summary>
/// <remarks>
/// Reads run ahead privately; <see cref="Commit"/> gives the space back in one step. Before the owner waits for a signal it does, in this
/// order: read until Empty, <see cref="Commit"/>, <see cref="UnmaskInterrupts"/>; the writer signals only when it sees the ring empty, and
/// that is judged by what was committed. Between two commits at most one ring of bytes is read, whatever the peer writes into its index.
/// Nothing is allocated after construction. Source: protocol-spec/ring.md#signalling.
/// </remarks>
public sealed class RingReader
{
    private readonly RingMapping _ring;
    private readonly uint _size;
    private readonly byte[] _packet;

    // This end's own index is never read back from the shared page: the peer may have changed it.
    private uint _next;
    private uint _committed;
    private uint _published;
    private uint _previous;
    private uint _writeIndex;
    private bool _masked;
    private bool _corrupt;

    /// <summary>Starts reading where the control page says, with signals unmasked.</summary>
    /// <param name="ring">The mapped ring; the owner disposes it after the last use of this reader.</param>
    /// <param name="maximumPacketBytes">Largest packet (without trailer) that is accepted; the size of the private copy.</param>
    /// <remarks>An index that breaks the rules is reported as Corrupt by the first read.</remarks>
    public RingReader(RingMapping ring, int maximumPacketBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumPacketBytes, PacketDescriptor.Size);
        _ring = ring;
        _size = (uint)ring.DataBytes;
        _packet = new byte[Math.Min(maximumPacketBytes, PacketDescriptor.MaximumBytes)];
        _corrupt = !ring.TryLoadIndex(RingControlPage.ReadIndex, out _next);
        _committed = _published = _previous = _writeIndex = _next;
        // A guest that opens the channel again over the same pages may leave the mask of the last time.
        ring.Store(RingControlPage.InterruptMask, 0);
    }

    /// <summary>Whether the guest has broken the ring's rules: nothing more is read until the channel is opened again.</summary>
    public bool IsCorrupt => _corrupt;

    /// <summary>What it has written last as its index: where it has read to, or what a sealed ring shows in its place.</summary>
    public uint PublishedIndex => _published;

    /// <summary>
    /// Whether the writer is to find the ring full, though everything has been read: nothing more comes then but what it is writing already. Holds from the
    /// next <see cref="Commit"/> on, and <see cref="IsSettled"/> tells when.
    /// </summary>
    public bool IsSealed { get; set; }

    /// <summary>Whether the ring is sealed and nothing has come since.</summary>
    public bool IsSettled => !_corrupt && _published == Sealed(_next) && TryRefreshWriteIndex() && _next == _writeIndex;

    /// <summary>Copies the next packet out. It stays valid until the next call.</summary>
    /// <returns>Ok, Empty, or Corrupt.</returns>
    public RingStatus TryRead(out RingPacket packet)
    {
        packet = default;
        if (_corrupt) return RingStatus.Corrupt;
        // The write index is looked at again only when everything known was read: one shared load for a batch.
        if (_next == _writeIndex)
        {
            if (!TryRefreshWriteIndex()) return RingStatus.Corrupt;
            if (_next == _writeIndex) return RingStatus.Empty;
        }

        uint available = Distance(_next, _writeIndex);
        if (available < PacketDescriptor.Size + PacketDescriptor.TrailerBytes) return Fail();

        // Each byte is copied once and only the copy is looked at, since the guest may change the ring at any time.
        _ring.CopyOut(_next, _packet.AsSpan(0, PacketDescriptor.Size));
        if (!PacketDescriptor.TryRead(_packet, out PacketDescriptor descriptor)
            || descriptor.TotalBytes > _packet.Length
            || descriptor.TotalBytes > available - PacketDescriptor.TrailerBytes)
        {
            return Fail();
        }

        uint rest = Wrap(_next + PacketDescriptor.Size);
        _ring.CopyOut(rest, _packet.AsSpan(PacketDescriptor.Size, descriptor.TotalBytes - PacketDescriptor.Size));
        _previous = _next;
        _next = Wrap(_next + (uint)descriptor.TotalBytes + PacketDescriptor.TrailerBytes);
        packet = new RingPacket(
            descriptor,
            _packet.AsSpan(PacketDescriptor.Size, descriptor.HeaderBytes - PacketDescriptor.Size),
            _packet.AsSpan(descriptor.HeaderBytes, descriptor.TotalBytes - descriptor.HeaderBytes));
        return RingStatus.Ok;
    }

    /// <summary>Puts the packet that was read last back, so that the next <see cref="TryRead"/> returns it again.</summary>
    /// <exception cref="InvalidOperationException">No packet was read since the last <see cref="Commit"/> or <see cref="Unread"/>.</exception>
    public void Unread()
    {
        if (_previous == _next) throw new InvalidOperationException("There is no packet to put back: it was committed or put back already.");
        _next = _previous;
    }

    /// <summary>Gives the space of everything read so far back to the writer.</summary>
    /// <returns>True when the writer waits for space and must be signalled, whether or not signals are masked.</returns>
    public bool Commit()
    {
        if (_corrupt) return false;
        // Only when all has been read: a writer that moved on meanwhile then takes the seal for one round of space, and leaves the last of it free.
        uint shown = IsSealed && _next == _writeIndex ? Sealed(_next) : _next;
        if (_next == _committed && shown == _published) return false;
        uint before = _published;
        _previous = _committed = _next;
        _published = shown;
        // Release: the copies above are done before the writer may reuse the bytes.
        _ring.Store(RingControlPage.ReadIndex, shown);
        // Store, then load: pairs with the writer's "pending_send_size := n; full barrier; re-read read_index".
        Interlocked.MemoryBarrier();
        uint pending = _ring.Load(RingControlPage.PendingSendSize);
        if (pending == 0) return false;
        if (!_ring.TryLoadIndex(RingControlPage.WriteIndex, out uint write))
        {
            _corrupt = true;
            return false;
        }

        // Some writers wait for "free > pending" and some for "free >= pending" with the low bits dropped; signalling when free space
        // reaches or leaves the threshold serves both, at the price of one signal too many at equality.
        uint wanted = pending & ~(PacketDescriptor.Alignment - 1u);
        return Free(write, before) <= wanted && Free(write, shown) >= wanted;
    }

    /// <summary>Asks the writer not to signal new packets: the reader is looking anyway.</summary>
    public void MaskInterrupts()
    {
        if (_masked) return;
        _masked = true;
        _ring.Store(RingControlPage.InterruptMask, 1);
    }

    /// <summary>Asks the writer to signal again. To be called after <see cref="Commit"/>, before the owner waits.</summary>
    /// <returns>True when there is a packet that was not read: it may not have been signalled, so read on.</returns>
    public bool UnmaskInterrupts()
    {
        if (_masked)
        {
            _masked = false;
            _ring.Store(RingControlPage.InterruptMask, 0);
        }

        if (_corrupt) return false;
        // Store, then load: pairs with the writer's "write_index := n; full barrier; read interrupt_mask and read_index". It also orders
        // the read_index of the last commit, so it is needed when nothing was masked too.
        Interlocked.MemoryBarrier();
        // A broken index is something to read: the next read reports it.
        return !TryRefreshWriteIndex() || _next != _writeIndex;
    }

    private bool TryRefreshWriteIndex()
    {
        // The writer may only have moved forward, over space that was committed: an index between there and what was read already
        // would make this end read bytes again.
        if (_ring.TryLoadIndex(RingControlPage.WriteIndex, out uint write) && Distance(_committed, write) >= Distance(_committed, _next))
        {
            _writeIndex = write;
            return true;
        }

        _corrupt = true;
        return false;
    }

    private RingStatus Fail()
    {
        _corrupt = true;
        return RingStatus.Corrupt;
    }

    // The least that is not the index of an empty ring, and less than the smallest packet.
    private uint Sealed(uint index) => Wrap(index + PacketDescriptor.Alignment);

    private uint Free(uint write, uint read) => _size - Distance(read, write);

    private uint Distance(uint from, uint to) => to >= from ? to - from : _size - (from - to);

    private uint Wrap(uint index) => index >= _size ? index - _size : index;
}
