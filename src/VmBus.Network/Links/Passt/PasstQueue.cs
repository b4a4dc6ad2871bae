using System.Buffers.Binary;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Network.Frames;
using VmBus.Protocol.Virtio;

namespace VmBus.Network.Links.Passt;

/// <summary>The one queue of a <see cref="PasstLink"/>. Frames are copied: many go in one write, and come in one read.</summary>
internal sealed class PasstQueue : ILinkQueue, ILaneHandler
{
    private const int FramesPerTurn = 64;
    private const int ShortestFrame = 14;
    private const int LongestFrame = 65535 + 14;

    private readonly PasstLink _link;
    private readonly Lane _lane;
    private readonly IFrameReceiver _receiver;
    private readonly QueueTally _tally = new();
    private readonly Queue<(FrameBuffer Frame, bool Taken)> _done = new();
    private PasstStream? _stream;
    private LaneWatch? _watch;
    private CaptureTap _capture;
    private bool _starved;
    private bool _full;
    private bool _readable;
    private bool _stopping;
    private bool _stopped;

    internal PasstQueue(PasstLink link, Lane lane, IFrameReceiver receiver)
    {
        _link = link;
        _lane = lane;
        _receiver = receiver;
    }

    /// <inheritdoc/>
    public LinkQueueCounters Counters => _tally.Counters;

    /// <inheritdoc/>
    public bool SendsPromptly => false;

    /// <inheritdoc/>
    public void Send(FrameBuffer frame)
    {
        // Told later: never from within this call.
        _done.Enqueue((frame, Accept(frame)));
        _lane.Schedule(this);
    }

    /// <inheritdoc/>
    public void Resume()
    {
        if (!_starved) return;
        _starved = false;
        Rearm();
        _lane.Schedule(this);
    }

    /// <inheritdoc/>
    public void Stop()
    {
        if (_stopping) return;
        _stopping = true;
        EndWatch();
        _lane.Schedule(this);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        EndWatch();
        _link.Forget(this);
    }

    bool ILaneHandler.Run()
    {
        for (int left = _done.Count; left > 0; left--)
        {
            (FrameBuffer frame, bool taken) = _done.Dequeue();
            _receiver.Sent(frame, taken);
        }

        if (_stopping)
        {
            FinishStop();
            return false;
        }

        if (_watch is not null)
        {
            LaneReadiness ready = _watch.TakeReady();
            if ((ready & LaneReadiness.Readable) != 0) _readable = true;
            if ((ready & LaneReadiness.Writable) != 0) _full = false;
        }

        Write();
        Read();
        return Deliver();
    }

    /// <summary>Goes on with another connection; the old one is disposed. On the lane.</summary>
    internal void SetStream(PasstStream stream)
    {
        EndWatch();
        _stream?.Dispose();
        _stream = null;
        // A queue that stops leaves the new one to the link.
        if (_stopping) return;
        _stream = stream;
        _full = _readable = false;
        _watch = _lane.WatchReadiness(_stream.Socket, Wanted(), this);
    }

    /// <summary>As <see cref="SetStream"/>, from any thread.</summary>
    /// <returns>False when the queue's lane has ended.</returns>
    internal bool Exchange(PasstStream stream)
    {
        try
        {
            _lane.Post(() => SetStream(stream));
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    private LaneReadiness Wanted() =>
        (_starved ? LaneReadiness.None : LaneReadiness.Readable) | (_full ? LaneReadiness.Writable : LaneReadiness.None);

    private void Rearm() => _watch?.Change(Wanted());

    private void EndWatch()
    {
        if (_watch is null) return;
        _watch.Dispose();
        _watch = null;
        // A watch that ends takes along a run that was scheduled.
        _lane.Schedule(this);
    }

    private void Lose()
    {
        if (_watch is null) return;
        EndWatch();
        _link.Lost(_stream!);
    }

    private void FinishStop()
    {
        if (_stopped) return;
        _stopped = true;
        _receiver.Stopped();
    }

    private bool Accept(FrameBuffer frame)
    {
        int bytes = (int)(frame.Data.Bytes - VirtioNetHeader.Bytes);
        if (_watch is null || bytes > _link.Traits.MaximumFrameBytes)
        {
            _tally.SendFailed++;
            return false;
        }

        if (!_stream!.TryReserve(PasstStream.LengthBytes + bytes, out Span<byte> room))
        {
            _tally.SendQueueFull++;
            return false;
        }

        BinaryPrimitives.WriteInt32BigEndian(room, bytes);
        Span<byte> copy = room[PasstStream.LengthBytes..];
        frame.CopyTo(copy);
        _stream.SendEnd += room.Length;
        _tally.Sent(bytes);
        if (_link.Capture is { } capture) capture.Add(_capture.AdapterIn(capture, _link.Name), FrameDirection.Outbound, copy);
        return true;
    }

    // One call for all that waits; what the socket does not take goes when it is writable.
    private void Write()
    {
        if (_watch is null || _full || _stream!.SendStart == _stream.SendEnd) return;
        IoVectorList list = _stream.ToSend();
        int result = LinuxFile.Write(_stream.Socket, list.Address, list.Count, -1, 0);
        if (result < 0 && result != -Errno.EAGAIN)
        {
            Lose();
            return;
        }

        _stream.SendStart += Math.Max(0, result);
        _full = _stream.SendStart < _stream.SendEnd;
        Rearm();
    }

    private void Read()
    {
        if (_watch is null || _starved || !_readable || _stream!.RoomToReceive() is not { } list) return;
        _readable = false;
        int result = LinuxFile.Read(_stream.Socket, list.Address, list.Count, -1, 0);
        if (result > 0) _stream.ReceivedEnd += result;
        else if (result != -Errno.EAGAIN) Lose();
    }

    // True when whole frames are left.
    private bool Deliver()
    {
        if (_stream is null || _watch is null) return false;
        int delivered = 0;
        bool more = false;
        while (!_starved && TryPeek(out ReadOnlySpan<byte> frame))
        {
            if (delivered == FramesPerTurn)
            {
                more = true;
                break;
            }

            if (DeliverOne(frame)) delivered++;
        }

        if (delivered > 0) _receiver.EndBatch();
        return more;
    }

    private bool TryPeek(out ReadOnlySpan<byte> frame)
    {
        frame = default;
        ReadOnlySpan<byte> received = _stream!.Received;
        if (received.Length < PasstStream.LengthBytes) return false;
        int bytes = BinaryPrimitives.ReadInt32BigEndian(received);
        if (bytes is < ShortestFrame or > LongestFrame)
        {
            // Where the next frame begins is unknown.
            Lose();
            return false;
        }

        if (bytes > received.Length - PasstStream.LengthBytes) return false;
        frame = received.Slice(PasstStream.LengthBytes, bytes);
        return true;
    }

    // False when the adapter has no room.
    private bool DeliverOne(ReadOnlySpan<byte> bytes)
    {
        if (!_link.Filter.Accepts(MacAddress.Read(bytes)))
        {
            _tally.ReceiveFiltered++;
        }
        else
        {
            if (_receiver.Rent() is not { } frame)
            {
                _starved = true;
                Rearm();
                return false;
            }

            if (bytes.Length > frame.Data.Bytes - VirtioNetHeader.Bytes)
            {
                _tally.ReceiveTooLong++;
                _receiver.Return(frame);
            }
            else
            {
                frame.Header = default;
                frame.CopyFrom(bytes);
                _tally.Received(bytes.Length);
                if (_link.Capture is { } capture) capture.Add(_capture.AdapterIn(capture, _link.Name), FrameDirection.Inbound, bytes);
                _receiver.Receive(frame, bytes.Length);
            }
        }

        _stream!.ReceivedStart += PasstStream.LengthBytes + bytes.Length;
        return true;
    }
}
