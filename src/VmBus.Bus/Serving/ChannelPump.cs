using System.Diagnostics;
using VmBus.Bus.Channels;
using VmBus.Bus.Devices;
using VmBus.Bus.Ports;
using VmBus.Bus.Tracing;
using VmBus.Lanes;
using VmBus.Memory.Rings;
using VmBus.Native.Linux;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Tracing;

namespace VmBus.Bus.Serving;

/// <summary>Moves packets between the rings of one open channel and its endpoint. Everything runs on the channel's lane.</summary>
/// <remarks>
/// A turn: ask the guest not to signal, hand over at most <see cref="PacketsPerTurn"/> packets, let the endpoint submit, publish its answers, give
/// the space back, interrupt at most once, then ask for signals again and look once more. While a guest goes on sending, the next turn comes at once
/// and answers are collected over several (<see cref="AnswerHold"/>). Allocates nothing.
/// </remarks>
internal sealed class ChannelPump : ILaneHandler, IDisposable
{
    /// <summary>
    /// Largest packet taken from a guest, the size of the private copy: twice what the largest known client sends (sockets and key-value
    /// exchange, 16 KiB and a header).
    /// </summary>
    public const int MaximumPacketBytes = 32 * 1024;

    // One busy channel does not keep the lane's others, or its completions, waiting for longer than this many packets.
    private const int PacketsPerTurn = 128;

    private readonly ChannelStart _start;
    private readonly IInterruptPort _interrupts;
    private readonly IPumpOwner _owner;
    private readonly ChannelTap _tap;
    private readonly RingMapping _fromGuest;
    private readonly RingMapping _toGuest;
    private readonly RingReader _reader;
    private readonly RingWriter _writer;
    private IChannelEndpoint? _endpoint;
    private IDisposable? _watch;
    private SpaceRetry? _spaceRetry;
    private PumpState _state = PumpState.Starting;
    private uint _targetProcessor;
    private bool _isBusy;
    private bool _isInTurn;
    private bool _isWaitingForSpace;
    private bool _hasUnpublished;
    private bool _expectsCompletions;
    private bool _isActive;
    private bool _isPolling;
    private long _lastActive;
    private AnswerHold _hold = new();
    private int _packetsInTurn;
    private int _answersInTurn;
    private bool _mayHold;
    private bool _isSecondLook;

    /// <summary>Takes over both rings, and the interrupts that the guest asked for.</summary>
    public ChannelPump(ChannelStart start, RingMapping fromGuest, RingMapping toGuest, IInterruptPort interrupts, Lane lane, IPumpOwner owner, ChannelTap tap)
    {
        _start = start;
        _tap = tap;
        _interrupts = interrupts;
        _owner = owner;
        _fromGuest = fromGuest;
        _toGuest = toGuest;
        _targetProcessor = start.TargetProcessor;
        Lane = lane;
        Gpadls = new GpadlHolds(start.ChannelId, owner);
        _reader = new RingReader(fromGuest, Math.Min(MaximumPacketBytes, fromGuest.DataBytes));
        _writer = new RingWriter(toGuest);
    }

    private enum PumpState
    {
        // The device has not returned its endpoint yet: answers may be collected already.
        Starting,

        Running,

        // The guest broke a rule: nothing is read or sent any more; the control lane will close.
        Failed,

        // The endpoint has been told to stop; what it still answers is published while the ring has room.
        Closing,

        Closed,
    }

    public ChannelCounters Counters { get; } = new();

    public Lane Lane { get; }

    public int SubchannelIndex => _start.SubchannelIndex;

    /// <summary>What the device has moved, when it counts. Any thread.</summary>
    public ChannelTraffic? Traffic => (Volatile.Read(ref _endpoint) as IChannelMeter)?.Traffic;

    /// <summary>How full the ring from the guest is. Any thread.</summary>
    public RingFill? FromGuest => _fromGuest.TryReadFill();

    /// <summary>How full the ring to the guest is. Any thread.</summary>
    public RingFill? ToGuest => _toGuest.TryReadFill();

    /// <summary>What the device uses beside the rings.</summary>
    public GpadlHolds Gpadls { get; }

    public uint TargetProcessor => _targetProcessor;

    public bool ExpectsCompletions
    {
        get => _expectsCompletions;
        set
        {
            // Signals stayed masked while completions were expected: the end of a turn asks for them again.
            if (_expectsCompletions && !value && !_isInTurn) Touch();
            _expectsCompletions = value;
        }
    }

    /// <summary>The device has opened: packets flow from here on.</summary>
    public void Begin(IChannelEndpoint endpoint, EventFd kick)
    {
        _endpoint = endpoint;
        _watch = Lane.Watch(kick, new KickHandler(this));
        if (_state == PumpState.Starting) _state = PumpState.Running;
        // The guest may have written, and even signalled, before anyone listened.
        Lane.Schedule(this);
    }

    /// <inheritdoc/>
    public bool Run()
    {
        if (_endpoint is not { } endpoint) return false;
        return _state switch
        {
            PumpState.Running => RunTurn(endpoint),
            PumpState.Closing => Publish(),
            PumpState.Starting or PumpState.Failed or PumpState.Closed => false,
        };
    }

    /// <summary>See <see cref="OpenChannel.TrySend"/>.</summary>
    public bool TrySend(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
    {
        if (_state is PumpState.Failed or PumpState.Closed) return true;
        RingStatus status = _writer.TryWrite(type, header, payload, transactionId, flags);
        if (status == RingStatus.Full && _state != PumpState.Closing && !TryWaitForSpace(header.Length + payload.Length))
            status = _writer.TryWrite(type, header, payload, transactionId, flags);
        switch (status)
        {
            case RingStatus.Ok:
                _hasUnpublished = true;
                _spaceRetry?.Restart();
                Counters.CountPacketOut();
                _tap.Sent(type, header, payload, transactionId, flags);
                CountAnswer(type);
                if (!_isInTurn) Touch();
                return true;
            case RingStatus.Full:
                // A channel that closes has nobody to wait for: the answer goes with it.
                return _state == PumpState.Closing;
            case RingStatus.Corrupt:
                Fail("the ring towards the guest is corrupt");
                return true;
            case RingStatus.Empty:
            default:
                throw new InvalidOperationException($"Writing to a ring gave {status}.");
        }
    }

    /// <summary>See <see cref="OpenChannel.Resume"/>.</summary>
    public void Resume()
    {
        _isBusy = false;
        Touch();
    }

    /// <summary>See <see cref="OpenChannel.Touch"/>.</summary>
    public void Touch()
    {
        if (_state != PumpState.Closed) Lane.Schedule(this);
    }

    /// <summary>See <see cref="OpenChannel.TrySettle"/>.</summary>
    public bool TrySettle(bool seal)
    {
        _reader.IsSealed = seal;
        bool isSettled = seal && _state == PumpState.Running && !_isBusy && !_hasUnpublished && _reader.IsSettled && _toGuest.TryReadFill() is { Bytes: 0 };
        // A packet behind the seal is not signalled: the guest sees a ring that was not empty.
        if (!isSettled) Touch();
        return isSettled;
    }

    /// <summary>See <see cref="OpenChannel.Fail"/>.</summary>
    public void Fail(string reason)
    {
        if (_state is PumpState.Failed or PumpState.Closing or PumpState.Closed) return;
        _state = PumpState.Failed;
        _tap.Looked(RingMoment.Failed, _fromGuest, _reader, _toGuest, _writer);
        Gpadls.End();
        _owner.ChannelFailed(_start.ChannelId, reason);
    }

    /// <summary>Interrupts go to another processor from now on.</summary>
    public void Retarget(uint targetProcessor) => _targetProcessor = targetProcessor;

    /// <summary>Stops taking packets and tells the endpoint; <see cref="Closed"/> follows, at once or later.</summary>
    public void Close()
    {
        // After a violation nothing is published: the ring cannot be trusted.
        if (_state != PumpState.Failed) _state = PumpState.Closing;
        Gpadls.End();
        _endpoint!.Close();
    }

    /// <summary>See <see cref="OpenChannel.Closed"/>.</summary>
    public void Closed()
    {
        if (_state is not (PumpState.Closing or PumpState.Failed)) throw new InvalidOperationException("The channel was not asked to close.");
        if (_state == PumpState.Closing) _ = Publish();
        _state = PumpState.Closed;
        _tap.Looked(RingMoment.Closed, _fromGuest, _reader, _toGuest, _writer);
        Dispose();
        _owner.ChannelClosed(_start.ChannelId);
    }

    /// <summary>The device refused to open: the rings are given up, and nothing of the channel runs.</summary>
    public void Abandon()
    {
        _state = PumpState.Closed;
        Gpadls.End();
        Dispose();
    }

    /// <summary>Gives the rings up.</summary>
    public void Dispose()
    {
        _watch?.Dispose();
        _watch = null;
        _spaceRetry?.Dispose();
        _fromGuest.Dispose();
        _toGuest.Dispose();
    }

    private bool RunTurn(IChannelEndpoint endpoint)
    {
        _isInTurn = true;
        _isActive = _hasUnpublished;
        _packetsInTurn = _answersInTurn = 0;
        long began = Stopwatch.GetTimestamp();
        if (_isWaitingForSpace)
        {
            _writer.StopWaitingForSpace();
            _isWaitingForSpace = false;
        }

        _reader.MaskInterrupts();
        bool more = Drain(endpoint);
        if (_state == PumpState.Running) endpoint.EndBatch();
        _isInTurn = false;
        if (_state != PumpState.Running) return false;
        if (_hold.GoesOn(_packetsInTurn, _answersInTurn, began, Stopwatch.GetTimestamp()) && MayHold(more)) return true;
        _ = Publish();
        if (more) return true;
        // While busy, Resume looks at the ring; while completions are expected, they do. Both spare the guest its signals.
        if (_isBusy || _expectsCompletions) return false;
        if (GoesOnLooking() || _reader.UnmaskInterrupts()) return true;
        _tap.Looked(RingMoment.Idle, _fromGuest, _reader, _toGuest, _writer);
        return false;
    }

    // What came quickly after the work before it is likely to be followed as quickly: looking for a moment longer costs less than the guest's
    // signal and the lane's waking. After a pause that was longer there is no such moment, so a slow guest costs nothing.
    private bool GoesOnLooking()
    {
        if (Lane.PollTicks == 0) return false;
        long now = Stopwatch.GetTimestamp();
        if (_isActive)
        {
            _isPolling = now - _lastActive <= Lane.PollTicks;
            _lastActive = now;
        }
        else if (now - _lastActive > Lane.PollTicks)
        {
            _isPolling = false;
        }

        return _isPolling;
    }

    // True when the ring may hold more than one turn takes.
    private bool Drain(IChannelEndpoint endpoint)
    {
        for (int taken = 0; !_isBusy; taken++)
        {
            if (taken == PacketsPerTurn) return true;
            RingStatus status = _reader.TryRead(out RingPacket packet);
            if (status == RingStatus.Empty) return false;
            if (status != RingStatus.Ok)
            {
                Fail("the ring from the guest is corrupt");
                return false;
            }

            // Before its answer; one that was put back is there already.
            if (!_isSecondLook) _tap.Received(packet);
            _isSecondLook = false;
            switch (endpoint.Receive(packet))
            {
                case PacketVerdict.Taken:
                    _isActive = true;
                    _packetsInTurn++;
                    Counters.CountPacketIn();
                    if (_state != PumpState.Running) return false;
                    break;
                case PacketVerdict.Busy:
                    _reader.Unread();
                    _isBusy = _isSecondLook = true;
                    break;
                case PacketVerdict.Violation:
                    Fail("a packet breaks the device's protocol");
                    return false;
                default:
                    throw new InvalidOperationException("An endpoint has no other verdict.");
            }
        }

        return false;
    }

    // Only an answer given at once, while its packet was handed over, may wait for others: what had to wait for a disk or a link does not wait again.
    private void CountAnswer(PacketType type)
    {
        if (_isInTurn && type == PacketType.Completion) _answersInTurn++;
        else _mayHold = false;
    }

    // While answers are held the lane does not sleep, and everything else that is to be seen, or waits, ends it. Space is given back with them:
    // a guest that waits for it is silent.
    private bool MayHold(bool more) => _mayHold && !more && !_isBusy && !_expectsCompletions && !_isWaitingForSpace;

    // Answers first, then space: one interrupt tells the guest of both.
    private bool Publish()
    {
        bool signal = false;
        _hold.Published();
        _mayHold = true;
        if (_hasUnpublished)
        {
            _hasUnpublished = false;
            signal = _writer.Commit();
        }

        signal |= _reader.Commit();
        if (signal) Raise();
        // Publishing looks at the guest's indices too, and nothing may come after it that would.
        if (_reader.IsCorrupt || _writer.IsCorrupt) Fail("an index of its rings is corrupt");
        return false;
    }

    // What was collected has to be visible before waiting: the guest cannot make room by taking packets it does not see.
    private bool TryWaitForSpace(int bytes)
    {
        if (_hasUnpublished)
        {
            _hasUnpublished = false;
            if (_writer.Commit()) Raise();
        }

        _isWaitingForSpace = _writer.WaitForSpace(bytes);
        if (_isWaitingForSpace) _tap.Looked(RingMoment.WaitingForSpace, _fromGuest, _reader, _toGuest, _writer);
        if (_isWaitingForSpace && !_writer.ReaderSignalsSpace) (_spaceRetry ??= new SpaceRetry(Lane, Touch)).Arm();
        return _isWaitingForSpace;
    }

    private void Raise()
    {
        if (_targetProcessor == SyntheticInterrupts.NoProcessor) return;
        Counters.CountInterrupt();
        _tap.Signalled(TraceDirection.FromHost, _targetProcessor);
        _interrupts.Raise(_targetProcessor, _start.EventFlag);
    }

    // Tells turns that the guest asked for from those that the host gave itself.
    private sealed class KickHandler(ChannelPump pump) : ILaneHandler
    {
        public bool Run()
        {
            pump.Counters.CountKick();
            pump._tap.Signalled(TraceDirection.FromGuest);
            if (pump.Run()) pump.Touch();
            return false;
        }
    }
}
