using VmBus.Bus.Devices;
using VmBus.Lanes;
using VmBus.Memory.Rings;
using VmBus.Memory.Streams;
using VmBus.Native.Linux;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Sockets;

namespace VmBus.Providers.Sockets;

/// <summary>Carries bytes between the guest's end of a socket and a Unix socket of the host, until both directions have ended. One lane, except <see cref="Traffic"/>.</summary>
/// <remarks>
/// Neither side waits for the other in host memory: what the Unix socket does not take stays in the guest's ring, and what the ring does not take
/// stays in the Unix socket. Allocates nothing once it runs. Source: protocol-spec/sockets.md#states.
/// </remarks>
internal sealed class SocketEndpoint : IChannelEndpoint, IChannelMeter, ILaneHandler, IDisposable
{
    private const int BufferBytes = 64 * 1024;

    // Several fit into the smallest ring (5 pages), so that the guest reads one while the next is written.
    private const int PacketBytes = 4096 - SocketPacket.HeaderBytes - PacketDescriptor.Size - sizeof(ulong);

    // Full buffers that one turn moves to the guest.
    private const int ReadsPerTurn = 2;

    // A guest that has closed its socket altogether says no more than that it sends nothing. Linux gives up after 8 s; what has not been read by
    // then never will be.
    private static readonly TimeSpan UnreadLimit = TimeSpan.FromSeconds(10);

    private readonly OpenChannel _channel;
    private readonly ISocketOwner _owner;
    private readonly LinuxFile _socket;
    private readonly StreamBuffer _toHost = new(BufferBytes);
    private readonly StreamBuffer _toGuest = new(BufferBytes, SocketPacket.HeaderBytes);
    private readonly byte[] _end = new byte[SocketPacket.HeaderBytes];
    private LaneWatch? _watch;
    private Timer? _unread;
    private bool _readable;
    private bool _socketFull;
    private bool _ringFull;
    private bool _stalled;
    private bool _guestEnded;
    private bool _guestEndPassed;
    private bool _hostEnded;
    private bool _hostEndPassed;
    private bool _lost;
    private bool _over;
    private bool _closed;
    private long _packets;
    private long _bytesIn;
    private long _bytesOut;

    /// <summary>Begins to carry. On the channel's lane; the socket belongs to the endpoint from here on.</summary>
    public SocketEndpoint(OpenChannel channel, LinuxFile socket, ISocketOwner owner)
    {
        _channel = channel;
        _socket = socket;
        _owner = owner;
        SocketPacket.WriteHeader(_end, 0);
        _watch = channel.Lane.WatchReadiness(socket, LaneReadiness.Readable, this);
    }

    /// <inheritdoc/>
    public ChannelTraffic Traffic => new(Volatile.Read(ref _packets), Volatile.Read(ref _bytesIn), Volatile.Read(ref _bytesOut));

    /// <inheritdoc/>
    public PacketVerdict Receive(in RingPacket packet)
    {
        if (_guestEnded || packet.Descriptor.Type != PacketType.DataInband || !SocketPacket.TryRead(packet.Payload, out int bytes)) return PacketVerdict.Violation;
        if (bytes == 0)
        {
            _guestEnded = true;
            return PacketVerdict.Taken;
        }

        if (_lost || _toHost.TryAdd(packet.Payload.Slice(SocketPacket.HeaderBytes, bytes)))
        {
            Volatile.Write(ref _packets, _packets + 1);
            Volatile.Write(ref _bytesIn, _bytesIn + bytes);
            return PacketVerdict.Taken;
        }

        // One that never fits would wait for ever.
        if (bytes > SocketPacket.MaximumBytes) return PacketVerdict.Violation;
        _stalled = true;
        return PacketVerdict.Busy;
    }

    /// <inheritdoc/>
    public void EndBatch()
    {
        if (_closed) return;
        _ringFull = false;
        if (_toHost.Count > 0 && !_socketFull && !_lost)
        {
            // The guest gets its space back before the bytes go on, and fills it meanwhile: its ring is short. The look at the ring after
            // that finds what it wrote, so it need not signal.
            _channel.ExpectsCompletions = true;
            _channel.Lane.Schedule(this);
        }
        else if (Carry())
        {
            _channel.Lane.Schedule(this);
        }
    }

    /// <inheritdoc/>
    public void Close()
    {
        if (_closed) return;
        _closed = true;
        End();
        Dispose();
        _channel.Closed();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        EndWatch();
        _unread?.Dispose();
        _socket.Dispose();
        _toHost.Dispose();
        _toGuest.Dispose();
    }

    bool ILaneHandler.Run()
    {
        if (_closed) return false;
        if (_watch is not null)
        {
            LaneReadiness ready = _watch.TakeReady();
            if ((ready & LaneReadiness.Writable) != 0) _socketFull = false;
            if ((ready & LaneReadiness.Readable) != 0) _readable = true;
            if ((ready & LaneReadiness.HungUp) != 0) HangUp();
        }

        bool more = Carry();
        _channel.ExpectsCompletions = false;
        return more;
    }

    // True when another turn is wanted.
    private bool Carry()
    {
        PassToHost();
        bool more = PassToGuest();
        if (_watch is not null) _watch.Change(Wanted());
        LimitUnread();
        if (_hostEndPassed && (_guestEndPassed || _lost)) End();
        return more;
    }

    private LaneReadiness Wanted() =>
        (_ringFull || _hostEnded ? LaneReadiness.None : LaneReadiness.Readable) | (_socketFull ? LaneReadiness.Writable : LaneReadiness.None);

    private void PassToHost()
    {
        if (_lost || _socketFull) return;
        int result = _toHost.WriteTo(_socket);
        if (result < 0 && result != -Errno.EAGAIN)
        {
            Lose();
            return;
        }

        _socketFull = _toHost.Count > 0;
        // Half of the room, so that not every packet costs a turn.
        if (_stalled && _toHost.Room >= BufferBytes / 2) Unstall();
        if (!_guestEnded || _socketFull || _guestEndPassed) return;
        UnixSocket.EndSending(_socket);
        _guestEndPassed = true;
    }

    private bool PassToGuest()
    {
        for (int reads = 0; !_ringFull; reads++)
        {
            if (!SendCollected()) return false;
            if (_hostEnded || !_readable) return false;
            if (reads == ReadsPerTurn) return true;
            int room = _toGuest.Room;
            int result = _toGuest.ReadFrom(_socket);
            if (result is 0 or (< 0 and not -Errno.EAGAIN)) _hostEnded = true;
            // Less than there was room for: it is empty now, and what comes later is announced. One that hung up announces nothing more.
            else if (result < room) _readable = _watch is null && result > 0;
        }

        return false;
    }

    // False when the ring is full.
    private bool SendCollected()
    {
        while (_toGuest.Count > 0)
        {
            int bytes = Math.Min(_toGuest.Count, PacketBytes);
            Span<byte> packet = _toGuest.TakeWithHeadroom(bytes);
            SocketPacket.WriteHeader(packet, bytes);
            if (_channel.TrySend(PacketType.DataInband, default, packet, 0))
            {
                Volatile.Write(ref _packets, _packets + 1);
                Volatile.Write(ref _bytesOut, _bytesOut + bytes);
                continue;
            }

            _toGuest.Return(bytes);
            _ringFull = true;
            return false;
        }

        if (!_hostEnded || _hostEndPassed) return true;
        _hostEndPassed = _channel.TrySend(PacketType.DataInband, default, _end, 0);
        _ringFull = !_hostEndPassed;
        return _hostEndPassed;
    }

    // Nobody reads what the guest sends; the other end may still send.
    private void Lose()
    {
        _lost = true;
        _toHost.Clear();
        if (_stalled) Unstall();
    }

    // What the other end had sent before is still there to be read, and the kernel would report the hang-up for ever.
    private void HangUp()
    {
        Lose();
        EndWatch();
        _readable = true;
        // A watch that ends takes along a run that was scheduled.
        _channel.Lane.Schedule(this);
    }

    private void Unstall()
    {
        _stalled = false;
        _channel.Resume();
    }

    private void LimitUnread()
    {
        bool waiting = _guestEnded && _ringFull;
        if (waiting == _unread is not null) return;
        _unread?.Dispose();
        _unread = waiting ? new Timer(_ => TryPostEnd(), null, UnreadLimit, Timeout.InfiniteTimeSpan) : null;
    }

    private void TryPostEnd()
    {
        try
        {
            _channel.Lane.Post(() =>
            {
                if (_guestEnded && _ringFull) End();
            });
        }
        catch (ObjectDisposedException)
        {
            // The lane has ended, and the channel before it.
        }
    }

    private void EndWatch()
    {
        _watch?.Dispose();
        _watch = null;
    }

    private void End()
    {
        if (_over) return;
        _over = true;
        _owner.Ended();
    }
}
