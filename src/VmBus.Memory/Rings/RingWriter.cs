using System.Buffers.Binary;
using VmBus.Protocol.Ring;

namespace VmBus.Memory.Rings;

/// <summary>The producing end of a ring. One thread owns it.</summary>
/// <remarks>
/// Writes run ahead privately; <see cref="Commit"/> publishes them in one step. Nothing is allocated after construction.
/// Source: protocol-spec/ring.md#signalling.
/// </remarks>
public sealed class RingWriter
{
    private readonly RingMapping _ring;
    private readonly uint _size;

    // This end's own index is never read back from the shared page: the peer may have changed it.
    private uint _next;
    private uint _committed;
    private uint _readIndex;
    private uint _pending;
    private bool _corrupt;

    /// <summary>Starts writing where the control page says.</summary>
    /// <param name="ring">The mapped ring; the owner disposes it after the last use of this writer.</param>
    /// <remarks>Indices that break the rules are reported as Corrupt by the first write.</remarks>
    public RingWriter(RingMapping ring)
    {
        _ring = ring;
        _size = (uint)ring.DataBytes;
        _corrupt = !ring.TryLoadIndex(RingControlPage.WriteIndex, out _next) | !ring.TryLoadIndex(RingControlPage.ReadIndex, out _readIndex);
        _committed = _next;
        // A guest that opens the channel again over the same pages may leave the wait of the last time.
        ring.Store(RingControlPage.PendingSendSize, 0);
    }

    /// <summary>
    /// Whether the reader says that it signals when space appears. Whoever waits for one that does not has to look again by itself.
    /// </summary>
    public bool ReaderSignalsSpace => (_ring.Load(RingControlPage.FeatureBits) & RingControlPage.PendingSendSizeSupported) != 0;

    /// <summary>Whether the guest has broken the ring's rules: nothing more is written until the channel is opened again.</summary>
    public bool IsCorrupt => _corrupt;

    /// <summary>Where it has written to, as far as it has told the reader.</summary>
    public uint CommittedIndex => _committed;

    /// <summary>The free bytes that it has told the reader it waits for; 0 when it does not wait.</summary>
    public uint PendingSendSize => _pending;

    /// <summary>Writes one packet, not yet visible to the reader.</summary>
    /// <param name="type">Kind of packet.</param>
    /// <param name="header">Type-specific header; its length is a multiple of 8.</param>
    /// <param name="payload">The data; padded with zeroes to a multiple of 8.</param>
    /// <param name="transactionId">Echoed by the reader's completion, or the request's when this is one.</param>
    /// <param name="flags"><see cref="PacketDescriptor.CompletionRequested"/> or 0.</param>
    /// <returns>Ok, Full (nothing written; also when the packet is larger than the ring) or Corrupt.</returns>
    /// <exception cref="ArgumentException">The header is not a multiple of 8 bytes, or the packet too long for the format.</exception>
    public RingStatus TryWrite(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
    {
        if (header.Length % PacketDescriptor.Alignment != 0)
            throw new ArgumentException("The header of a packet is a multiple of 8 bytes.", nameof(header));
        int headerBytes = PacketDescriptor.Size + header.Length;
        long total = RoundUp((long)headerBytes + payload.Length);
        if (total > PacketDescriptor.MaximumBytes)
            throw new ArgumentException("A packet has at most 524280 bytes.", nameof(payload));
        if (_corrupt) return RingStatus.Corrupt;

        uint needed = (uint)total + PacketDescriptor.TrailerBytes;
        if (Free() <= needed)
        {
            if (!TryRefreshReadIndex()) return RingStatus.Corrupt;
            // Strictly more must be free: a ring that is filled to the last byte would look empty.
            if (Free() <= needed) return RingStatus.Full;
        }

        Span<byte> target = _ring.Data(_next, (int)needed);
        new PacketDescriptor(type, headerBytes, (int)total, flags, transactionId).Write(target);
        header.CopyTo(target[PacketDescriptor.Size..]);
        payload.CopyTo(target[headerBytes..]);
        target[(headerBytes + payload.Length)..(int)total].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(target[(int)total..], (ulong)_next << 32);
        GC.KeepAlive(_ring);
        _next += needed;
        if (_next >= _size) _next -= _size;
        return RingStatus.Ok;
    }

    /// <summary>Makes everything written so far visible.</summary>
    /// <returns>True when the reader must be signalled: the ring was empty and the reader has not masked signals.</returns>
    public bool Commit()
    {
        if (_next == _committed || _corrupt) return false;
        uint before = _committed;
        _committed = _next;
        // Release: the packets are complete before the index that announces them.
        _ring.Store(RingControlPage.WriteIndex, _next);
        // Store, then load: pairs with the reader's "interrupt_mask := 0 and read_index := n; full barrier; re-read write_index".
        Interlocked.MemoryBarrier();
        if (_ring.Load(RingControlPage.InterruptMask) != 0) return false;
        // Only the reader's index of this moment tells whether it had read everything before the batch; the cached one would be too old.
        return TryRefreshReadIndex() && _readIndex == before;
    }

    /// <summary>Tells the reader that this end waits until a packet of <paramref name="payloadBytes"/> fits, so that it signals then.</summary>
    /// <param name="payloadBytes">Type-specific header and payload of the packet.</param>
    /// <returns>False when the space is already there, or the ring is corrupt: write at once, no signal will come.</returns>
    /// <remarks>
    /// The reader is asked to leave half of the ring free, so that it does not signal for every single packet. A signal says only that
    /// there is space: the wait lasts until <see cref="StopWaitingForSpace"/>.
    /// </remarks>
    /// <exception cref="InvalidOperationException">Packets were written but not committed: the reader cannot count their space.</exception>
    public bool WaitForSpace(int payloadBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(payloadBytes);
        if (_next != _committed) throw new InvalidOperationException("A writer commits before it waits for space.");
        if (_corrupt) return false;

        // A packet that can never fit waits too: the caller tries again once per signal, not for ever.
        long needed = RoundUp((long)PacketDescriptor.Size + payloadBytes) + PacketDescriptor.TrailerBytes;
        // One step above the packet: readers that signal at "free >= pending" then signal when it fits, like those that wait for ">".
        // Never the whole ring: "free > pending" could not become true.
        long pending = Math.Min(Math.Max(needed + PacketDescriptor.Alignment, _size / 2), _size - PacketDescriptor.Alignment);
        _pending = (uint)pending;
        _ring.Store(RingControlPage.PendingSendSize, _pending);
        // Store, then load: pairs with the reader's "read_index := n; full barrier; read pending_send_size".
        Interlocked.MemoryBarrier();
        if (TryRefreshReadIndex() && Free() <= needed) return true;
        StopWaitingForSpace();
        return false;
    }

    /// <summary>Ends <see cref="WaitForSpace"/>.</summary>
    public void StopWaitingForSpace()
    {
        if (_pending == 0) return;
        _pending = 0;
        _ring.Store(RingControlPage.PendingSendSize, 0);
    }

    private static long RoundUp(long bytes) => (bytes + PacketDescriptor.Alignment - 1) & ~(PacketDescriptor.Alignment - 1L);

    private bool TryRefreshReadIndex()
    {
        // The reader moves forward only, and not beyond what was published.
        if (_ring.TryLoadIndex(RingControlPage.ReadIndex, out uint read) && Distance(_readIndex, read) <= Distance(_readIndex, _committed))
        {
            _readIndex = read;
            return true;
        }

        _corrupt = true;
        return false;
    }

    private uint Free() => _size - Distance(_readIndex, _next);

    private uint Distance(uint from, uint to) => to >= from ? to - from : _size - (from - to);
}
