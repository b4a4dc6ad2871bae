using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Network.Frames;
using VmBus.Protocol.Virtio;

namespace VmBus.Network.Links.Taps;

/// <summary>One queue of a TAP on one lane: a batch of reads and any number of writes per turn go to the kernel in one call.</summary>
/// <remarks>
/// The kernel's filter is exact for every frame it has put into the queue since it was set, and those go straight to guest memory. Frames that
/// may have come before are read into host memory and judged there (see <see cref="JudgeWaiting"/>). Where the lane has no io_uring, or the
/// kernel's TAPs have no reads that never wait (before Linux 6.4), each frame takes a call of its own.
/// </remarks>
internal sealed partial class TapQueue : ILinkQueue, ILaneHandler, IIoCompletion
{
    // Writes in the kernel's hands are done when the call returns: more slots than this only lengthen a turn.
    private const int WriteSlots = 256;
    private const int FramesPerTurn = 64;
    private const int MaximumWaiting = 4096;

    private readonly TapLink _link;
    private readonly Lane _lane;
    private readonly IFrameReceiver _receiver;
    private readonly bool _ring;
    private readonly QueueTally _tally = new();
    private readonly FrameBuffer?[] _writes = new FrameBuffer?[WriteSlots];
    private readonly int[] _freeWrites = new int[WriteSlots];
    private readonly Queue<FrameBuffer> _waiting = new();
    private readonly Queue<FrameBuffer> _dropped = new();
    private int _freeWriteCount;
    private TapDevice? _device;
    private LaneWatch? _watch;
    private CaptureTap _capture;
    private bool _stopping;
    private bool _stopped;

    internal TapQueue(TapLink link, Lane lane, IFrameReceiver receiver)
    {
        _link = link;
        _lane = lane;
        _receiver = receiver;
        _ring = lane.KeepsOrder;
        for (int i = 0; i < WriteSlots; i++) _freeWrites[_freeWriteCount++] = WriteSlots - 1 - i;
    }

    /// <inheritdoc/>
    public LinkQueueCounters Counters => _tally.Counters;

    /// <inheritdoc/>
    public bool SendsPromptly => true;

    /// <inheritdoc/>
    public void Send(FrameBuffer frame)
    {
        if (_device is null || _stopping)
        {
            _tally.SendFailed++;
            Drop(frame);
        }
        else if (_waiting.Count > 0 || !_ring || !TryWrite(frame))
        {
            if (_waiting.Count < MaximumWaiting)
            {
                _waiting.Enqueue(frame);
                // With a ring the next completion takes it along.
                if (!_ring || _freeWriteCount == WriteSlots) _lane.Schedule(this);
                return;
            }

            _tally.SendQueueFull++;
            Drop(frame);
        }
    }

    /// <inheritdoc/>
    public void Resume()
    {
        if (!_starved) return;
        _starved = false;
        _watch?.Change(LaneReadiness.Readable);
    }

    /// <inheritdoc/>
    public void Stop()
    {
        if (_stopping) return;
        _stopping = true;
        EndWatch();
        while (_waiting.TryDequeue(out FrameBuffer? frame))
        {
            _tally.SendFailed++;
            _dropped.Enqueue(frame);
        }

        _lane.Schedule(this);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        EndWatch();
        ReleaseDevice();
        _link.Forget(this);
        _spill.Dispose();
        _scratch.Dispose();
    }

    bool ILaneHandler.Run()
    {
        ReportDropped();
        bool more = WriteWaiting();
        if (_stopping) return FinishStop();
        if (_watch is not null && (_watch.TakeReady() & LaneReadiness.Readable) != 0) _readable = true;
        return Receive() || more;
    }

    void IIoCompletion.Complete(int tag, int result)
    {
        if (tag >= WriteSlots)
        {
            ReadEnded(tag - WriteSlots, result);
        }
        else
        {
            FrameBuffer frame = _writes[tag]!;
            _writes[tag] = null;
            _freeWrites[_freeWriteCount++] = tag;
            // What the frame has brought back, an acknowledgment perhaps, may be there already. Read before the guest is told that the frame has
            // gone, it reaches the guest with the same interrupt.
            _lane.Schedule(this);
            WriteEnded(frame, result);
            WriteWaiting();
        }

        if (_stopping) _lane.Schedule(this);
    }

    /// <summary>Frames are judged in host memory until those that wait now are gone: the filter has changed. Any thread.</summary>
    internal void JudgeWaiting() => OnLane(BeCareful);

    /// <summary>Goes on with another device, or with none. Any thread; a device that comes too late is given back.</summary>
    internal void Exchange(TapDevice? device)
    {
        bool posted = OnLane(() =>
        {
            if (_stopping)
            {
                if (device is not null) _link.Release(device);
                return;
            }

            EndWatch();
            ReleaseDevice();
            if (device is not null) SetDevice(device);
        });
        if (!posted && device is not null) _link.Release(device);
    }

    /// <summary>Begins with a device. On the lane.</summary>
    internal void SetDevice(TapDevice device)
    {
        _device = device;
        if (_link.HasOldFrames) Purge();
        BeCareful();
        _watch = _lane.WatchReadiness(device, _starved ? LaneReadiness.None : LaneReadiness.Readable, this);
    }

    private bool OnLane(Action work)
    {
        if (_lane.IsCurrent)
        {
            work();
            return true;
        }

        try
        {
            _lane.Post(work);
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    private void EndWatch()
    {
        if (_watch is null) return;
        _watch.Dispose();
        _watch = null;
        // A watch that ends takes along a run that was scheduled.
        _lane.Schedule(this);
    }

    private void ReleaseDevice()
    {
        if (_device is not null) _link.Release(_device);
        _device = null;
    }

    private bool FinishStop()
    {
        if (_stopped || _readsInFlight > 0 || _freeWriteCount < WriteSlots) return false;
        ReportDropped();
        _stopped = true;
        ReleaseDevice();
        _receiver.Stopped();
        return false;
    }

    private void Drop(FrameBuffer frame)
    {
        // Told later: never from within the call that sends.
        _dropped.Enqueue(frame);
        _lane.Schedule(this);
    }

    private void ReportDropped()
    {
        for (int left = _dropped.Count; left > 0; left--) _receiver.Sent(_dropped.Dequeue(), taken: false);
    }

    private bool TryWrite(FrameBuffer frame)
    {
        if (_freeWriteCount == 0) return false;
        int slot = _freeWrites[_freeWriteCount - 1];
        bool started = _link.KnowsNow
            ? _lane.TryWriteNow(_device!, frame.Data.Address, frame.Data.Count, this, slot)
            : _lane.TryWrite(_device!, frame.Data.Address, frame.Data.Count, -1, durable: false, this, slot);
        if (!started) return false;
        _freeWriteCount--;
        _writes[slot] = frame;
        return true;
    }

    private bool WriteWaiting()
    {
        for (int left = FramesPerTurn; left > 0; left--)
        {
            if (!_waiting.TryPeek(out FrameBuffer? frame)) return false;
            if (_device is null)
            {
                _waiting.Dequeue();
                _tally.SendFailed++;
                Drop(frame);
            }
            else if (!_ring)
            {
                _waiting.Dequeue();
                WriteEnded(frame, LinuxFile.Write(_device, frame.Data.Address, frame.Data.Count, -1, 0));
            }
            else if (TryWrite(frame))
            {
                _waiting.Dequeue();
            }
            else
            {
                // The next completion of ours comes back here; when none is under way the lane's slots are others'.
                return _freeWriteCount == WriteSlots;
            }
        }

        return _waiting.Count > 0;
    }

    private void WriteEnded(FrameBuffer frame, int result)
    {
        bool taken = result >= 0;
        if (taken)
        {
            int bytes = result - VirtioNetHeader.Bytes;
            _tally.Sent(bytes);
            if (_link.Capture is { } capture) capture.Add(_capture.AdapterIn(capture, _link.CaptureName), FrameDirection.Outbound, frame, bytes);
        }
        else if (result is -Errno.EAGAIN or -Errno.ENOBUFS or -Errno.ENOMEM)
        {
            _tally.SendQueueFull++;
        }
        else
        {
            _tally.SendFailed++;
        }

        _receiver.Sent(frame, taken);
    }
}
