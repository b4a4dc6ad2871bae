using System.Runtime.InteropServices;
using VmBus.Lanes.Engines;
using VmBus.Native.Linux;

namespace VmBus.Lanes;

// Eventfds and other files that handlers wait for.
public sealed partial class Lane
{
    // The lane's own eventfd, by which other threads wake it.
    private const int PostWatch = 0;

    private readonly List<LaneWatch?> _watches = [null];
    private readonly Stack<int> _freeWatches = new();
    private readonly List<LaneWatch> _armAgain = [];

    // For tests: grows when numbers of ended watches are not used again.
    internal int WatchCapacity => _watches.Count;

    void ILaneEvents.WatchReady(int watch, uint events, bool armed)
    {
        if (watch == PostWatch)
        {
            Drain(_postSignal);
            // Cleared before the queue is looked at: a post after this signals again.
            Interlocked.Exchange(ref _postPending, 0);
            if (!armed) ArmPostSignal();
            return;
        }

        if (_watches[watch] is not { } ready) return;
        _signals++;
        ready.Note(events);
        if (ready.Signal is { } signal) Drain(signal);
        if (!armed) _armAgain.Add(ready);
        _runnable.Add(ready.Handler);
    }

    void ILaneEvents.WatchEnded(int watch) => _freeWatches.Push(watch);

    /// <summary>Waits for something else from now on.</summary>
    internal void Rearm(LaneWatch watch)
    {
        // A new number for the new interest: what the old one still reports is about the old interest.
        Withdraw(watch);
        Register(watch);
    }

    /// <summary>Forgets a watch; its handler is not called for it any more.</summary>
    internal void EndWatch(LaneWatch watch)
    {
        // Ended with the lane already.
        if (_watches.Count == 0) return;
        Withdraw(watch);
        foreach (LaneWatch? other in _watches)
        {
            if (other is not null && ReferenceEquals(other.Handler, watch.Handler)) return;
        }

        _runnable.Withdraw(watch.Handler);
    }

    private void Drain(EventFd signal)
    {
        if (_engine!.IsEdgeTriggered) return;
        _drains++;
        signal.Drain();
    }

    private LaneWatch AddWatch(SafeHandle file, ILaneHandler handler, LaneReadiness readiness)
    {
        var watch = new LaneWatch(this, file, handler, readiness);
        Register(watch);
        return watch;
    }

    private void Register(LaneWatch watch)
    {
        if (_freeWatches.TryPop(out int index))
        {
            _watches[index] = watch;
        }
        else
        {
            index = _watches.Count;
            _watches.Add(watch);
        }

        watch.Index = index;
        // Held until the watch ends: the kernel knows the watch by a number that must not mean another file meanwhile.
        bool held = false;
        watch.File.DangerousAddRef(ref held);
        Arm(watch);
    }

    private void Withdraw(LaneWatch watch)
    {
        _watches[watch.Index] = null;
        _armAgain.Remove(watch);
        _engine!.Disarm(watch.Index, (int)watch.File.DangerousGetHandle());
        watch.File.DangerousRelease();
    }

    private void ReleaseWatches()
    {
        foreach (LaneWatch? watch in _watches) watch?.File.DangerousRelease();
        _watches.Clear();
    }

    private void Arm(LaneWatch watch) =>
        _engine!.Arm(watch.Index, (int)watch.File.DangerousGetHandle(), (uint)watch.Readiness, watch.IsOnce);

    private void ArmPostSignal() => _engine!.Arm(PostWatch, _postSignal.Descriptor, (uint)LaneReadiness.Readable, once: false);

    private void ArmAgain()
    {
        foreach (LaneWatch watch in _armAgain) Arm(watch);
        _armAgain.Clear();
    }
}
