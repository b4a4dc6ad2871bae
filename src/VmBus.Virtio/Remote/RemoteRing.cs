using VmBus.Lanes;
using VmBus.Memory.Queues;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Remote;

/// <summary>The driver's end of a split virtqueue whose requests each are one table, for any number of lanes.</summary>
/// <remarks>
/// Each of its <see cref="Slots"/> requests has a place of its own in memory that the back-end has too: header, range, status, and the table.
/// Members are called from any lane and from the back-end's thread, under one lock that is held for no longer than a request takes to write.
/// What has ended waits in its owner's list until the owner, on its lane, takes it. Source: virtio 1.3, 2.7; protocol-spec/vhost-user.md#front-end.
/// </remarks>
internal sealed class RemoteRing : ILaneHandler, IDisposable
{
    /// <summary>Requests at once.</summary>
    public const int Slots = 128;

    /// <summary>Entries of the ring: as many as a table may have descriptors.</summary>
    public const int Size = DriverRing.Size;

    private readonly DriverRing _ring;
    private readonly RemoteRequests _requests;
    private readonly Action<string> _failed;
    private readonly RemoteTransfer?[] _busy = new RemoteTransfer?[Slots];
    private readonly long[] _order = new long[Slots];
    private readonly Stack<int> _free = new(Slots);
    private readonly Queue<RemoteTransfer> _waiting = new();
    private readonly Lock _gate = new();
    private Lane? _lane;
    private IDisposable? _watch;
    private long _sequence;
    private bool _isRunning;
    private bool _isLost;

    /// <summary>A ring that does not run yet.</summary>
    /// <param name="index">Which of the back-end's queues.</param>
    /// <param name="area">Its memory, <see cref="Bytes"/> long.</param>
    /// <param name="address">Where that is in this process, which is how the back-end knows it.</param>
    /// <param name="requests">What writes requests.</param>
    /// <param name="eventIndex">Whether both sides say when they want a signal.</param>
    /// <param name="failed">Called when the back-end breaks the ring's rules.</param>
    public RemoteRing(int index, QueueArea area, nint address, RemoteRequests requests, bool eventIndex, Action<string> failed)
    {
        _ring = new DriverRing(area, address, eventIndex);
        _requests = requests;
        _failed = failed;
        Queue = new RemoteQueue(index, Size, 0, _ring.Descriptors, _ring.Available, _ring.Used, EventFd.Create(), EventFd.Create());
        for (int slot = Slots - 1; slot >= 0; slot--) _free.Push(slot);
    }

    /// <summary>Bytes of a ring with the places of its requests.</summary>
    public static int Bytes => RequestsAt + RemoteRequests.BytesFor(Slots);

    /// <summary>Where the places of requests begin in its memory.</summary>
    public static int RequestsAt => DriverRing.RingBytes;

    /// <summary>As the back-end is told of it.</summary>
    public RemoteQueue Queue { get; }

    /// <summary>Has a lane hear of what has ended: the first that uses it. On that lane.</summary>
    public void Attend(Lane lane)
    {
        lock (_gate)
        {
            if (_lane is not null) return;
            _lane = lane;
        }

        _watch = lane.Watch(Queue.Call, this);
    }

    /// <summary>Begins a request, now or when one before it has ended. <see cref="Publish"/> makes it known.</summary>
    /// <returns>0, or -EIO when there is no back-end and none is waited for.</returns>
    public int Submit(RemoteTransfer transfer)
    {
        lock (_gate)
        {
            if (_isLost) return -Errno.EIO;
            if (_waiting.Count > 0 || !TryPlace(transfer)) _waiting.Enqueue(transfer);
            return 0;
        }
    }

    /// <summary>Makes what was submitted known, and takes what has ended.</summary>
    public void Publish()
    {
        lock (_gate)
        {
            Kick();
            Harvest();
            // What waited for a place has one now.
            Kick();
        }
    }

    /// <summary>Takes an operation of a queue's whose request has ended.</summary>
    public bool TryTake(Queue<RemoteTransfer> done, out RemoteTransfer? transfer)
    {
        lock (_gate) return done.TryDequeue(out transfer);
    }

    /// <summary>The back-end has signalled.</summary>
    public bool Run()
    {
        lock (_gate)
        {
            Harvest();
            Kick();
        }

        return false;
    }

    /// <summary>Puts the ring into its first state, with what has not ended in it again. The back-end does not run it.</summary>
    public void Restart()
    {
        lock (_gate)
        {
            _ring.Clear();
            foreach (int slot in Enumerable.Range(0, Slots).Where(slot => _busy[slot] is not null).OrderBy(slot => _order[slot])) Offer(slot);
        }
    }

    /// <summary>The back-end runs the ring from here on.</summary>
    public void Start()
    {
        lock (_gate)
        {
            _isRunning = true;
            _isLost = false;
            // Unasked: a back-end may have looked before the requests were there.
            Kick();
            Queue.Kick.Signal();
        }
    }

    /// <summary>The back-end does not run the ring any more.</summary>
    /// <param name="fails">Everything ends with an error, now and until <see cref="Start"/>; else it waits.</param>
    public void Stop(bool fails)
    {
        lock (_gate)
        {
            _isRunning = false;
            _isLost = fails;
            if (!fails) return;
            for (int slot = 0; slot < Slots; slot++)
            {
                if (_busy[slot] is { } transfer) End(slot, transfer, -Errno.EIO);
            }

            while (_waiting.TryDequeue(out RemoteTransfer? transfer)) Hand(transfer, -Errno.EIO);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            _lane?.Invoke(() => _watch?.Dispose());
        }
        catch (ObjectDisposedException)
        {
            // The lane has ended, and its watches with it.
        }

        Queue.Kick.Dispose();
        Queue.Call.Dispose();
    }

    private bool TryPlace(RemoteTransfer transfer)
    {
        if (!_free.TryPeek(out int slot) || !_requests.TryWrite(slot, transfer)) return false;
        _ = _free.Pop();
        _busy[slot] = transfer;
        _order[slot] = _sequence++;
        Offer(slot);
        return true;
    }

    private void Offer(int slot)
    {
        (nint table, int bytes) = _requests.TableOf(slot);
        _ring.Describe(slot, table, bytes, DescriptorFlags.Indirect, 0);
        _ring.Offer(slot);
    }

    private void Kick()
    {
        if (_isRunning && _ring.Publish()) Queue.Kick.Signal();
    }

    private void Harvest()
    {
        if (!_isRunning) return;
        do
        {
            int count = _ring.UsedCount();
            if (count > Size)
            {
                Break($"{count} requests as used at once");
                return;
            }

            for (; count > 0; count--)
            {
                uint slot = _ring.UsedAtIndex(0).Head;
                if (slot >= Slots || _busy[slot] is not { } transfer)
                {
                    Break($"request {slot} as used, which it does not have");
                    return;
                }

                _ring.Take(1);
                End((int)slot, transfer, _requests.ResultOf((int)slot, transfer));
            }
        }
        while (!_ring.AskForCall());

        while (_waiting.TryPeek(out RemoteTransfer? next) && TryPlace(next)) _ = _waiting.Dequeue();
    }

    private void End(int slot, RemoteTransfer transfer, int result)
    {
        _requests.Release(transfer);
        _busy[slot] = null;
        _free.Push(slot);
        Hand(transfer, result);
    }

    private void Hand(RemoteTransfer transfer, int result)
    {
        transfer.Result = result;
        transfer.Owner.Give(transfer);
    }

    // The connection's end, which follows, ends what is under way.
    private void Break(string what)
    {
        _isRunning = false;
        _failed(what);
    }
}
