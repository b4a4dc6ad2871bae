using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Memory.Streams;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Sockets;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Sockets;

/// <summary>One connection between a socket of the driver's and a Unix socket. One lane.</summary>
/// <remarks>
/// Bytes go from the driver's memory to the Unix socket and back without a copy. What the Unix socket does not take is kept, up to <see cref="BufferBytes"/>, which is what the
/// driver may send before it is told of room; what the driver has no room for stays in the Unix socket. Allocates once for a connection that is kept waiting, else nothing.
/// </remarks>
internal sealed class VsockStream : ILaneHandler, IDisposable
{
    /// <summary>What the driver may have under way: four packets of the longest that Linux sends.</summary>
    internal const int BufferBytes = 256 << 10;

    // The driver is told of room before it has used up what it knows of.
    private const int AnnouncedSteps = BufferBytes / 4;
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(5);

    // Linux itself gives a connection up 8 s after its program has closed it.
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(10);

    private readonly VsockStreams _streams;
    private readonly LinuxFile _socket;
    private readonly Lane _lane;
    private readonly byte[]? _greeting;
    private LaneWatch? _watch;
    private Timer? _limit;
    private StreamBuffer? _toHost;
    private Packets _pending;
    private VsockShutdown _guestSaid;
    private VsockShutdown _hostSaid;
    private uint _received;
    private uint _forwarded;
    private uint _announced;
    private uint _sent;
    private uint _guestBuffer;
    private uint _guestForwarded;
    private bool _isOpen;
    private bool _isOver;
    private bool _isDraining;
    private bool _isReadable;
    private bool _isQuiet;
    private bool _hasAskedForCredit;
    private bool _socketFull;
    private bool _hostEnded;
    private bool _hostGone;
    private bool _guestEndPassed;

    /// <summary>A connection that is not open yet.</summary>
    /// <param name="streams">Whose it is.</param>
    /// <param name="guestPort">The driver's end.</param>
    /// <param name="hostPort">The other.</param>
    /// <param name="socket">The Unix socket, non-blocking, which belongs to the connection.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="greeting">What the program gets when the driver takes the connection; null when the driver has asked for it.</param>
    public VsockStream(VsockStreams streams, uint guestPort, uint hostPort, LinuxFile socket, Lane lane, byte[]? greeting)
    {
        _streams = streams;
        GuestPort = guestPort;
        HostPort = hostPort;
        _socket = socket;
        _lane = lane;
        _greeting = greeting;
    }

    // In the order in which they are sent.
    [Flags]
    private enum Packets
    {
        None = 0,
        Request = 1,
        Response = 2,
        CreditUpdate = 4,
        CreditRequest = 8,
        Shutdown = 16,
    }

    public uint GuestPort { get; }

    public uint HostPort { get; }

    /// <summary>Whether it waits in the line of those that have something for the driver.</summary>
    public bool IsQueued { get; set; }

    /// <summary>Whether a packet for the driver may come of it.</summary>
    public bool IsReady => !_isOver && (_pending != Packets.None || (WantsToRead && Credit > 0));

    /// <summary>Bytes that the driver has room for.</summary>
    public uint Credit
    {
        get
        {
            // A driver that says to have got more than was sent has room for nothing.
            uint underWay = _sent - _guestForwarded;
            return underWay < _guestBuffer ? _guestBuffer - underWay : 0;
        }
    }

    private bool WantsToRead => _isOpen && _isReadable && !_hostEnded && (_guestSaid & VsockShutdown.Receive) == 0;

    private bool HasLeft => _toHost is { Count: > 0 };

    /// <summary>Begins to listen to the Unix socket, and asks the driver when it has not asked.</summary>
    public void Start()
    {
        if (_greeting is null) return;
        _pending |= Packets.Request;
        Limit(AnswerLimit);
        _streams.Queue(this);
    }

    /// <summary>Takes the connection that the driver has asked for.</summary>
    public void Accept(in VsockHeader request)
    {
        NoteCredit(request);
        _pending |= Packets.Response;
        Open();
    }

    /// <summary>A packet of the driver's for this connection. May end it.</summary>
    public void Receive(in VsockHeader header, DescriptorChain chain, IDeviceMemory memory, IoVectorList list)
    {
        NoteCredit(header);
        bool makesSense = true;
        switch (header.Operation)
        {
            case VsockOperation.Reset:
                // What it has sent before it ended is still for the host.
                _isDraining = (_guestSaid & VsockShutdown.Send) != 0 && HasLeft;
                _streams.Remove(this, _isDraining);
                return;
            case VsockOperation.Response when !_isOpen:
                HostSockets.Greet(_socket, _greeting);
                Open();
                break;
            case VsockOperation.Data when _isOpen:
                makesSense = TryTake(header.Bytes, chain, memory, list);
                break;
            case VsockOperation.Shutdown when _isOpen:
                Shutdown(header.Flags);
                break;
            case VsockOperation.CreditRequest when _isOpen:
                _pending |= Packets.CreditUpdate;
                break;
            case VsockOperation.CreditUpdate when _isOpen:
                break;
            default:
                makesSense = false;
                break;
        }

        if (makesSense) Advance();
        else _streams.Reset(this);
    }

    /// <summary>Takes the next packet without data.</summary>
    public bool TryTakePacket(out VsockHeader header)
    {
        header = default;
        if (_pending == Packets.None) return false;
        Packets next = _pending & (Packets)(-(int)_pending);
        _pending &= ~next;
        if (next == Packets.Shutdown)
        {
            _hostSaid |= BothEnded ? VsockShutdown.Both : VsockShutdown.Send;
            header = Describe(VsockOperation.Shutdown) with { Flags = _hostSaid };
            // It answers with a reset when its program has read everything, or closes.
            if (_hostSaid == VsockShutdown.Both) Limit(EndLimit);
            return true;
        }

        header = Describe(next switch
        {
            Packets.Request => VsockOperation.Request,
            Packets.Response => VsockOperation.Response,
            Packets.CreditUpdate => VsockOperation.CreditUpdate,
            _ => VsockOperation.CreditRequest,
        });
        return true;
    }

    /// <summary>Reads from the Unix socket into the driver's memory, no more than <see cref="Credit"/>.</summary>
    /// <returns>Bytes; 0 when there are none now, or never any more.</returns>
    public int Read(IoVectorList list)
    {
        int result = LinuxFile.Read(_socket, list.Address, list.Count, -1, 0);
        if (result > 0)
        {
            _sent += (uint)result;
            AskForCredit();
            return result;
        }

        _isReadable = false;
        _isQuiet = false;
        _hostEnded = result != -Errno.EAGAIN;
        Advance();
        return 0;
    }

    /// <summary>A header of this connection's, which tells the driver of all room.</summary>
    public VsockHeader Describe(VsockOperation operation, uint bytes = 0)
    {
        _announced = _forwarded;
        _pending &= ~Packets.CreditUpdate;
        return new VsockHeader(
            VsockHeader.HostCid, _streams.Cid, HostPort, GuestPort, bytes, VsockHeader.Stream, operation, VsockShutdown.None, BufferBytes, _forwarded);
    }

    /// <inheritdoc/>
    public bool Run()
    {
        if (_isOver || _watch is null) return false;
        LaneReadiness ready = _watch.TakeReady();
        if ((ready & LaneReadiness.Writable) != 0) _socketFull = false;
        if ((ready & LaneReadiness.HungUp) != 0)
        {
            // The kernel would report it for ever; what the other end had sent before is still there to be read.
            EndWatch();
            Lose();
            _isReadable = true;
        }
        else if ((ready & LaneReadiness.Readable) != 0)
        {
            // Known, and the driver has no room: no use in hearing it again.
            _isQuiet = _isReadable;
            _isReadable = true;
        }

        Advance();
        return false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isOver = true;
        EndWatch();
        _limit?.Dispose();
        _socket.Dispose();
        _toHost?.Dispose();
        _toHost = null;
    }

    private bool BothEnded => _hostEnded && (_guestEndPassed || _hostGone);

    private void Open()
    {
        _isOpen = true;
        _limit?.Dispose();
        _limit = null;
        _watch = _lane.WatchReadiness(_socket, LaneReadiness.Readable, this);
        Advance();
    }

    private void NoteCredit(in VsockHeader header)
    {
        _hasAskedForCredit &= (_guestBuffer, _guestForwarded) == (header.BufferBytes, header.ForwardedBytes);
        (_guestBuffer, _guestForwarded) = (header.BufferBytes, header.ForwardedBytes);
    }

    // False when the driver sends more than it may, after its end, or from where no memory is.
    private bool TryTake(uint bytes, DescriptorChain chain, IDeviceMemory memory, IoVectorList list)
    {
        uint underWay = _received - _announced;
        if (bytes > BufferBytes - underWay || bytes > chain.ReadableBytes - VsockHeader.Size || (_guestSaid & VsockShutdown.Send) != 0) return false;
        _received += bytes;
        int done = 0;
        if (!_hostGone && !HasLeft && bytes > 0)
        {
            list.Clear();
            if (!chain.TryAddReadable(list, memory, VsockHeader.Size, bytes)) return false;
            int result = LinuxFile.Write(_socket, list.Address, list.Count, -1, 0);
            if (result < 0 && result != -Errno.EAGAIN) Lose();
            done = Math.Max(0, result);
            _socketFull = done < bytes && !_hostGone;
        }

        if (_hostGone) done = (int)bytes;
        _forwarded += (uint)done;
        int left = (int)bytes - done;
        if (left == 0) return true;
        _toHost ??= new StreamBuffer(BufferBytes);
        return chain.TryRead(memory, VsockHeader.Size + done, _toHost.Append(left));
    }

    private void Shutdown(VsockShutdown flags)
    {
        bool stopsReceiving = (flags & ~_guestSaid & VsockShutdown.Receive) != 0;
        _guestSaid |= flags & VsockShutdown.Both;
        if (!stopsReceiving) return;
        // The host's direction is over, which need not be said to the one who said so.
        UnixSocket.EndReceiving(_socket);
        _hostEnded = true;
        _hostSaid |= VsockShutdown.Send;
    }

    // Does what can be done now; ends the connection when it is over.
    private void Advance()
    {
        PassToHost();
        if (_isDraining)
        {
            if (HasLeft) _watch?.Change(LaneReadiness.Writable);
            else _streams.Remove(this);
            return;
        }

        if (!_isOpen) return;
        // A driver that has closed its socket waits for the reset.
        if (_guestSaid == VsockShutdown.Both && _guestEndPassed)
        {
            _streams.Reset(this);
            return;
        }

        if (_hostEnded && (_hostSaid == VsockShutdown.None || (BothEnded && _hostSaid != VsockShutdown.Both))) _pending |= Packets.Shutdown;

        if (_forwarded - _announced >= AnnouncedSteps) _pending |= Packets.CreditUpdate;
        AskForCredit();
        _watch?.Change(
            (_isQuiet || _hostEnded ? LaneReadiness.None : LaneReadiness.Readable) | (_socketFull ? LaneReadiness.Writable : LaneReadiness.None));
        if (IsReady) _streams.Queue(this);
    }

    private void AskForCredit()
    {
        if (!WantsToRead || Credit > 0 || _hasAskedForCredit) return;
        _hasAskedForCredit = true;
        _pending |= Packets.CreditRequest;
    }

    private void PassToHost()
    {
        if (HasLeft && !_socketFull && !_hostGone)
        {
            int result = _toHost!.WriteTo(_socket);
            if (result >= 0) _forwarded += (uint)result;
            else if (result != -Errno.EAGAIN) Lose();
            _socketFull = HasLeft;
        }

        if ((_guestSaid & VsockShutdown.Send) == 0 || HasLeft || _guestEndPassed) return;
        if (!_hostGone) UnixSocket.EndSending(_socket);
        _guestEndPassed = true;
    }

    // Nobody reads what the driver sends; the other end may have sent more.
    private void Lose()
    {
        _hostGone = true;
        _socketFull = false;
        if (_toHost is null) return;
        _forwarded += (uint)_toHost.Count;
        _toHost.Clear();
    }

    private void EndWatch()
    {
        _watch?.Dispose();
        _watch = null;
    }

    private void Limit(TimeSpan limit) => _limit = new Timer(_ => PostGiveUp(), null, limit, Timeout.InfiniteTimeSpan);

    private void PostGiveUp()
    {
        try
        {
            _lane.Post(() =>
            {
                if (!_isOver && !_isDraining && _limit is not null) _streams.Reset(this);
            });
        }
        catch (ObjectDisposedException)
        {
            // The lane has ended.
        }
    }
}
