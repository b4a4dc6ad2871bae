using System.Diagnostics;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Devices;

/// <summary>Moves one virtqueue between its driver and the device's worker. Everything but <see cref="Counters"/> runs on its lane.</summary>
/// <remarks>
/// A turn: ask the driver not to kick, let the worker take and complete, publish what is complete, signal at most once, then ask for kicks again and
/// look once more. Allocates nothing.
/// </remarks>
public sealed class QueueRunner : ILaneHandler, IDisposable
{
    private readonly Lane _lane;
    private readonly IQueueSignal _signal;
    private readonly Action<QueueRunner> _failed;
    private readonly bool _isPolled;
    private IQueueWorker? _worker;
    private IDisposable? _watch;
    private Action? _stopped;
    private bool _isStopping;
    private bool _isOver;
    private bool _hasFailed;
    private bool _isPolling;
    private long _lastActive;
    private long _turns;
    private long _chains;
    private long _kicks;
    private long _signals;

    internal QueueRunner(int index, Virtqueue queue, Lane lane, IQueueSignal signal, bool isPolled, Action<QueueRunner> failed)
    {
        Index = index;
        Queue = queue;
        _lane = lane;
        _signal = signal;
        _isPolled = isPolled;
        _failed = failed;
    }

    /// <summary>Which queue of its device.</summary>
    public int Index { get; }

    /// <summary>The ring.</summary>
    public Virtqueue Queue { get; }

    /// <summary>What it has done. Numbers may be a moment old on other threads.</summary>
    public QueueCounters Counters => new(_turns, _chains, _kicks, _signals);

    /// <summary>Serves the queue from here on.</summary>
    /// <param name="worker">The device's part.</param>
    /// <param name="kick">Tells of new chains; null when nothing does and the queue is to be polled.</param>
    internal void Begin(IQueueWorker worker, EventFd? kick)
    {
        _worker = worker;
        if (kick is not null) _watch = _lane.Watch(kick, new KickHandler(this));
        // The driver may have added chains, and even kicked, before anyone listened.
        _lane.Schedule(this);
    }

    /// <summary>Gives a chain back; it is published at the end of the turn, or of the next one.</summary>
    public void Complete(DescriptorChain chain, uint writtenBytes)
    {
        _chains++;
        Queue.Complete(chain, writtenBytes);
    }

    /// <summary>Has a turn run soon: something was completed outside one, or what the worker waited for has come.</summary>
    public void Touch()
    {
        if (!_isOver) _lane.Schedule(this);
    }

    /// <summary>Ends the queue: nothing more is taken, what is being worked on is completed and published, then <paramref name="stopped"/> is called, on the lane.</summary>
    internal void Stop(Action stopped)
    {
        _stopped = stopped;
        _isStopping = true;
        _watch?.Dispose();
        _watch = null;
        _worker!.Stop();
        _lane.Schedule(this);
    }

    /// <inheritdoc/>
    public bool Run()
    {
        if (_isOver) return false;
        _turns++;
        long chains = _chains;
        if (_isStopping) return FinishStop();
        // After a violation only what is under way is still given back.
        QueueTurn turn = QueueTurn.Waiting;
        if (!_hasFailed)
        {
            Queue.DisableKicks();
            turn = _worker!.Run();
        }

        Publish();
        switch (turn)
        {
            case QueueTurn.More:
                return true;
            case QueueTurn.Waiting:
                return false;
            case QueueTurn.Broken:
                Fail();
                return false;
            case QueueTurn.Empty:
                break;
        }

        return _isPolled || GoesOnLooking(_chains != chains) || Queue.EnableKicks();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isOver = true;
        _watch?.Dispose();
        _worker?.Dispose();
        _worker = null;
    }

    // What is complete is made visible even when nothing more will be.
    private bool FinishStop()
    {
        Publish();
        if (Queue.InFlight > 0) return false;
        Dispose();
        _stopped?.Invoke();
        return false;
    }

    private void Fail()
    {
        // The worker stays for what it still has under way; Stop ends both.
        _hasFailed = true;
        _watch?.Dispose();
        _watch = null;
        _failed(this);
    }

    private void Publish()
    {
        if (!Queue.Publish()) return;
        _signals++;
        _signal.Signal();
    }

    // What came quickly after the work before it is likely to be followed as quickly: looking for a moment longer costs less than a kick and
    // the lane's waking. After a pause that was longer there is no such moment, so a slow driver costs nothing.
    private bool GoesOnLooking(bool wasActive)
    {
        if (_lane.PollTicks == 0) return false;
        long now = Stopwatch.GetTimestamp();
        if (wasActive)
        {
            _isPolling = now - _lastActive <= _lane.PollTicks;
            _lastActive = now;
        }
        else if (now - _lastActive > _lane.PollTicks)
        {
            _isPolling = false;
        }

        return _isPolling;
    }

    // Tells turns that the driver asked for from those that the host gave itself.
    private sealed class KickHandler(QueueRunner runner) : ILaneHandler
    {
        public bool Run()
        {
            runner._kicks++;
            if (runner.Run()) runner.Touch();
            return false;
        }
    }
}
