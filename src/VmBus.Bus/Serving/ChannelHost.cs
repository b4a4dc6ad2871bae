using Microsoft.Extensions.Logging;
using VmBus.Bus.Channels;
using VmBus.Bus.Devices;
using VmBus.Bus.Gpadls;
using VmBus.Bus.Ports;
using VmBus.Bus.Tracing;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Native.Linux;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Tracing;

namespace VmBus.Bus.Serving;

/// <summary>Carries the channel server's effects out: rings, kicks and lanes on one side, the machine's ports on the other.</summary>
/// <remarks>Members run on the control lane, except those of <see cref="IPumpOwner"/>, which lanes call and which come back by a post.</remarks>
internal sealed class ChannelHost(BusPorts ports, IReadOnlyList<Lane> lanes, Lane control, ILogger logger) : IChannelEffects, IPumpOwner, IDisposable
{
    private readonly Dictionary<uint, IChannelDevice> _devices = [];
    private readonly Dictionary<uint, RunningChannel> _running = [];
    private readonly Dictionary<uint, Action> _whenStopped = [];
    private readonly List<Action> _whenReset = [];
    private readonly LogBudget _refusals = new(TimeProvider.System);
    private readonly LogBudget _failures = new(TimeProvider.System);
    private readonly MonitorWatch _monitors = new(ports.Memory, control);
    private int _primariesPlaced;
    private ChannelServer? _server;

    /// <summary>The state machine whose effects these are; set once, before anything else is called.</summary>
    public ChannelServer Server
    {
        private get => _server ?? throw new InvalidOperationException("The bus has not started.");
        set => _server = value;
    }

    /// <summary>Who traces the bus.</summary>
    public TraceTap Tap { get; } = new();

    /// <exception cref="ArgumentException">The instance id is already offered.</exception>
    /// <exception cref="InvalidOperationException">All channel ids are taken.</exception>
    public void Add(IChannelDevice device)
    {
        uint id = Server.Offer(device.Offer) ?? throw new InvalidOperationException("The bus has no channel id left.");
        _devices.Add(id, device);
    }

    public void Remove(IChannelDevice device, Action whenStopped)
    {
        foreach ((uint id, IChannelDevice candidate) in _devices)
        {
            if (!ReferenceEquals(candidate, device)) continue;
            if (!_whenStopped.TryAdd(id, whenStopped))
                _whenStopped[id] += whenStopped;
            else
                Server.Remove(id);
            return;
        }

        whenStopped();
    }

    public void Reset(Action whenStopped)
    {
        _whenReset.Add(whenStopped);
        Server.Reset();
    }

    public IReadOnlyList<ChannelInfo> Describe() =>
    [
        .. Server.Capture().Channels.Select(channel =>
        {
            RunningChannel? running = _running.GetValueOrDefault(channel.Id);
            ChannelCounters? counters = running?.Pump.Counters;
            return new ChannelInfo(
                channel.Id,
                channel.Offer.InterfaceType,
                channel.Offer.InterfaceInstance,
                channel.SubchannelIndex,
                channel.State,
                channel.ConnectionId,
                channel.TargetProcessor,
                running?.Pump.Lane.Name,
                counters?.PacketsIn ?? 0,
                counters?.PacketsOut ?? 0,
                counters?.Interrupts ?? 0,
                counters?.Kicks ?? 0)
            {
                Traffic = running?.Pump.Traffic,
                FromGuest = running?.Pump.FromGuest,
                ToGuest = running?.Pump.ToGuest,
            };
        }),
    ];

    /// <summary>Begins a trace with the channels that there are. False when there are as many traces as may be.</summary>
    public bool TryTrace(BusTrace trace)
    {
        foreach (ChannelSnapshot channel in Server.Capture().Channels)
        {
            trace.AddChannel(
                new TraceSource(channel.Id, channel.SubchannelIndex, (OfferFlags)channel.Offer.Flags, channel.Offer.InterfaceType),
                Tap.Version,
                new TracedChannel(channel.Offer.InterfaceInstance, channel.ConnectionId, (uint)channel.State));
        }

        return Tap.TryAdd(trace);
    }

    /// <summary>No channel runs any more.</summary>
    public void Dispose() => _monitors.Dispose();

    void IChannelEffects.Send(ReadOnlySpan<byte> message)
    {
        Tap.Message(TraceDirection.FromHost, message);
        ports.Messages.Post(message);
    }

    void IChannelEffects.SetMessageProcessor(uint virtualProcessor) => ports.Messages.SetTarget(virtualProcessor);

    void IChannelEffects.SetMonitorPage(ulong page) => _monitors.SetPage(page);

    void IChannelEffects.DropMessages() => ports.Messages.Clear();

    bool IChannelEffects.TryConnect(in TlConnectRequest request) => ports.Connects?.TryConnect(request) ?? false;

    // The kick is bound before the guest hears that the channel is open, so that its first signal is not lost.
    void IChannelEffects.Open(ChannelStart start)
    {
        if (TryPrepare(start, out string problem) is not { } running)
        {
            RefuseOpen(start.ChannelId, problem);
            return;
        }

        _running.Add(start.ChannelId, running);
        if (start.MonitorId is { } bit) _monitors.Add(start.ChannelId, bit, running.Kick);
        running.Pump.Lane.Post(() =>
        {
            var channel = new OpenChannel(start, running.Pump, this, ports.Memory);
            IChannelEndpoint? endpoint = running.Device.Open(channel);
            if (endpoint is not null)
                running.Pump.Begin(endpoint, running.Kick);
            else
                running.Pump.Abandon();
            control.Post(() => FinishOpen(start, endpoint is not null));
        });
    }

    void IChannelEffects.Close(uint channelId)
    {
        ChannelPump pump = _running[channelId].Pump;
        pump.Lane.Post(pump.Close);
    }

    void IChannelEffects.Retarget(uint channelId, uint virtualProcessor)
    {
        ChannelPump pump = _running[channelId].Pump;
        pump.Lane.Post(() =>
        {
            pump.Retarget(virtualProcessor);
            control.Post(() => Server.RetargetCompleted(channelId));
        });
    }

    // A device that has stopped already is not asked: what it used goes back when its sub-channels have stopped too.
    void IChannelEffects.WantGpadl(uint channelId, uint gpadlId)
    {
        if (!_running.TryGetValue(channelId, out RunningChannel? running)) return;
        running.Pump.Lane.Post(() => running.Pump.Gpadls.Want(gpadlId));
    }

    void IChannelEffects.Refused(Refusal reason, uint messageNumber, uint channelId)
    {
        if (_refusals.TrySpend(out long suppressed)) BusLog.MessageRefused(logger, reason, messageNumber, channelId, suppressed);
    }

    void IChannelEffects.DeviceStopped(uint primaryId)
    {
        _devices.Remove(primaryId);
        if (_whenStopped.Remove(primaryId, out Action? whenStopped)) whenStopped();
    }

    void IChannelEffects.ResetCompleted()
    {
        foreach (Action whenReset in _whenReset) whenReset();
        _whenReset.Clear();
    }

    void IChannelEffects.ConnectionChanged(ProtocolVersion? version)
    {
        Tap.Version = version ?? default;
        if (version is { } agreed)
            BusLog.Connected(logger, agreed);
        else
            BusLog.Disconnected(logger);
    }

    void IPumpOwner.ChannelFailed(uint channelId, string reason) => control.Post(() =>
    {
        if (_failures.TrySpend(out long suppressed)) BusLog.ChannelFailed(logger, channelId, reason, suppressed);
        Server.Fail(channelId);
    });

    void IPumpOwner.ChannelClosed(uint channelId) => control.Post(() =>
    {
        RunningChannel running = TakeDown(channelId);
        BusLog.ChannelClosed(logger, channelId);
        ports.Observer?.ChannelClosed(channelId, running.Device.Offer.InterfaceType, running.Pump.SubchannelIndex);
        Server.CloseCompleted(channelId);
    });

    void IPumpOwner.SubchannelsWanted(uint primaryId, int count) => control.Post(() => Server.OfferSubchannels(primaryId, count));

    void IPumpOwner.TakeGpadl(uint channelId, uint gpadlId) => control.Post(() =>
    {
        GuestRegion? region = Server.TakeGpadl(channelId, gpadlId) is { Ranges: [GpadlRange range] } gpadl
            ? new GuestRegion(ports.Memory, (int)range.ByteOffset, range.ByteCount, gpadl.Pages)
            : null;
        ChannelPump pump = _running[channelId].Pump;
        pump.Lane.Post(() => pump.Gpadls.Taken(gpadlId, region));
    });

    void IPumpOwner.ReleaseGpadl(uint channelId, uint gpadlId) => control.Post(() => Server.ReleaseGpadl(channelId, gpadlId));

    // Everything that can fail because of the guest or the host's limits, before the device hears of it.
    private RunningChannel? TryPrepare(ChannelStart start, out string problem)
    {
        if (!RingMapping.TryMap(ports.Memory, start.FromGuest, out RingMapping? fromGuest))
        {
            problem = "the ring from the guest cannot be mapped";
            return null;
        }

        if (!RingMapping.TryMap(ports.Memory, start.ToGuest, out RingMapping? toGuest))
        {
            fromGuest!.Dispose();
            problem = "the ring towards the guest cannot be mapped";
            return null;
        }

        EventFd? kick = null;
        try
        {
            kick = EventFd.Create();
            if (ports.Events.TryBind(start.ConnectionId, kick))
            {
                problem = string.Empty;
                IChannelDevice device = _devices[start.PrimaryId];
                var tap = new ChannelTap(Tap, new TraceSource(start.ChannelId, start.SubchannelIndex, (OfferFlags)device.Offer.Flags, device.Offer.InterfaceType));
                tap.Opened(fromGuest!, toGuest!);
                var pump = new ChannelPump(start, fromGuest!, toGuest!, ports.Interrupts, ChooseLane(start), this, tap);
                return new RunningChannel(device, pump, kick, start.ConnectionId);
            }

            problem = "the kernel does not bind its signals";
        }
        catch (LinuxException exception)
        {
            problem = exception.Message;
        }

        kick?.Dispose();
        fromGuest!.Dispose();
        toGuest!.Dispose();
        return null;
    }

    // Devices take turns; a device's sub-channels follow the processor that each was opened for, as the guest spreads them.
    private Lane ChooseLane(ChannelStart start)
        => start.SubchannelIndex == 0 ? lanes[_primariesPlaced++ % lanes.Count] : lanes[(int)(start.TargetProcessor % (uint)lanes.Count)];

    private void FinishOpen(ChannelStart start, bool opened)
    {
        if (!opened)
        {
            TakeDown(start.ChannelId);
            RefuseOpen(start.ChannelId, "the device refused", isPosted: true);
            return;
        }

        RunningChannel running = _running[start.ChannelId];
        BusLog.ChannelOpened(logger, start.ChannelId, running.Device.Offer.InterfaceInstance, start.SubchannelIndex, running.Pump.Lane.Name);
        ports.Observer?.ChannelOpened(start.ChannelId, running.Device.Offer.InterfaceType, start.SubchannelIndex);
        Server.OpenCompleted(start.ChannelId, opened: true);
    }

    // Effects do not call back into the state machine, so an open that fails at once is answered by a post.
    private void RefuseOpen(uint channelId, string problem, bool isPosted = false)
    {
        if (_failures.TrySpend(out long suppressed)) BusLog.OpenFailed(logger, channelId, problem, suppressed);
        if (isPosted)
            Server.OpenCompleted(channelId, opened: false);
        else
            control.Post(() => Server.OpenCompleted(channelId, opened: false));
    }

    // Unbound before the state machine can give the channel's id to anyone else.
    private RunningChannel TakeDown(uint channelId)
    {
        _running.Remove(channelId, out RunningChannel? running);
        ports.Events.Unbind(running!.ConnectionId);
        _monitors.Remove(channelId);
        running.Kick.Dispose();
        return running;
    }
}
