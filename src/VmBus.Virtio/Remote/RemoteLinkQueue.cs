using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Remote;

/// <summary>One lane's way to a network back-end: frames are copied into and out of the queues of a <see cref="RemotePair"/>, which comes and goes with the back-end.</summary>
internal sealed class RemoteLinkQueue : ILinkQueue, ILaneHandler
{
    private const int FramesPerTurn = 64;

    private readonly RemoteLink _link;
    private readonly Lane _lane;
    private readonly IFrameReceiver _receiver;
    private readonly QueueTally _tally = new();
    private readonly Queue<FrameBuffer> _sent = new();
    private readonly Queue<FrameBuffer> _dropped = new();
    private RemotePair? _pair;
    private IDisposable? _watch;
    private CaptureTap _capture;
    private bool _starved;
    private bool _stopping;
    private bool _stopped;

    internal RemoteLinkQueue(RemoteLink link, Lane lane, IFrameReceiver receiver)
    {
        _link = link;
        _lane = lane;
        _receiver = receiver;
    }

    /// <inheritdoc/>
    public LinkQueueCounters Counters => _tally.Counters;

    /// <inheritdoc/>
    public bool SendsPromptly => true;

    /// <inheritdoc/>
    public void Send(FrameBuffer frame)
    {
        (TrySend(frame) ? _sent : _dropped).Enqueue(frame);
        _lane.Schedule(this);
    }

    /// <inheritdoc/>
    public void Resume()
    {
        if (!_starved) return;
        _starved = false;
        _lane.Schedule(this);
    }

    /// <inheritdoc/>
    public void Stop()
    {
        _stopping = true;
        _lane.Schedule(this);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Leave();
        _link.Forget(this);
    }

    /// <summary>Goes on with the queues of another connection, or with none. On the lane.</summary>
    internal void Adopt(RemotePair? pair)
    {
        Leave();
        if (_stopped) return;
        _pair = pair;
        if (pair is not null) _watch = _lane.Watch(pair.Call, this);
        // Also because a watch that ends takes along a run that was scheduled.
        _lane.Schedule(this);
    }

    /// <summary>Does something on the lane, now or later. Any thread.</summary>
    /// <returns>False when the lane has ended.</returns>
    internal bool OnLane(Action work)
    {
        try
        {
            if (_lane.IsCurrent) work();
            else _lane.Post(work);
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    bool ILaneHandler.Run()
    {
        // Before they are said to be gone: whoever hears it may wait for what they bring back.
        _pair?.Kick();
        for (int left = _sent.Count; left > 0; left--) _receiver.Sent(_sent.Dequeue(), taken: true);
        for (int left = _dropped.Count; left > 0; left--) _receiver.Sent(_dropped.Dequeue(), taken: false);
        if (_stopped) return false;
        if (_stopping)
        {
            _stopped = true;
            Leave();
            _receiver.Stopped();
            return false;
        }

        return Receive();
    }

    private void Leave()
    {
        _watch?.Dispose();
        _watch = null;
        _pair = null;
    }

    private bool TrySend(FrameBuffer frame)
    {
        if (_pair is null || _stopping)
        {
            _tally.SendFailed++;
            return false;
        }

        int bytes = (int)(frame.Data.Bytes - VirtioNetHeader.Bytes);
        if (bytes > RemoteLink.MaximumSendBytes)
        {
            _tally.SendFailed++;
            return false;
        }

        if (!_pair.TrySend(frame))
        {
            _tally.SendQueueFull++;
            return false;
        }

        _tally.Sent(bytes);
        if (_link.Capture is { } capture) capture.Add(_capture.AdapterIn(capture, _link.Name), FrameDirection.Outbound, frame, bytes);
        return true;
    }

    // True when there is more.
    private bool Receive()
    {
        if (_pair is not { } pair || _starved) return false;
        int delivered = 0;
        int taken = 0;
        bool more = false;
        do
        {
            // Whoever gets a frame may stop the queue there and then.
            while (!more && !_starved && !_stopping && pair.TryPeek(out RemoteFrame frame))
            {
                if (Deliver(pair, frame)) delivered++;
                if (_starved) break;
                pair.Take(frame);
                more = ++taken == FramesPerTurn;
            }
        }
        while (!more && !_starved && !_stopping && !pair.AskForCall());

        if (delivered > 0 || _starved) _receiver.EndBatch();
        pair.Kick();
        if (pair.IsBroken) _link.Broken();
        return more;
    }

    private bool Deliver(RemotePair pair, in RemoteFrame frame)
    {
        if (!_link.Filter.Accepts(frame.Destination))
        {
            _tally.ReceiveFiltered++;
            return false;
        }

        if (_receiver.Rent() is not { } buffer)
        {
            _starved = true;
            return false;
        }

        if (frame.Bytes > buffer.Data.Bytes - VirtioNetHeader.Bytes)
        {
            _tally.ReceiveTooLong++;
            _receiver.Return(buffer);
            return false;
        }

        pair.CopyTo(frame, buffer);
        _tally.Received(frame.Bytes);
        if (_link.Capture is { } capture) capture.Add(_capture.AdapterIn(capture, _link.Name), FrameDirection.Inbound, buffer, frame.Bytes);
        _receiver.Receive(buffer, frame.Bytes);
        return true;
    }
}
