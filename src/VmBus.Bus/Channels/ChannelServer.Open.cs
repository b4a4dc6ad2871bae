using VmBus.Bus.Gpadls;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;

namespace VmBus.Bus.Channels;

/// <summary>Opening, closing and moving channels.</summary>
internal sealed partial class ChannelServer
{
    private const ushort RedirectInterrupt = 1;

    /// <summary>The answer to <see cref="IChannelEffects.Open"/>.</summary>
    public void OpenCompleted(uint channelId, bool opened)
    {
        ServerChannel channel = Started(channelId, ChannelState.Opening);
        OpenState open = channel.Open!;
        AfterClose? after = channel.After;
        if (opened)
        {
            channel.State = ChannelState.Open;
            channel.After = null;
            // A guest that closed meanwhile, or is about to hear of a rescind, still waits for the answer to its open.
            if (after is null or AfterClose.Offer) SendOpenResult(channel, open, NtStatus.Success);
            if (after is AfterClose.Rescind) SendOpenResult(channel, open, NtStatus.Unexpected);
            if (after is { } end)
                _ = BeginClose(channel, end);
            else
                OfferSubchannels(channelId, channel.SubchannelsWanted);
            return;
        }

        ReleaseRing(channel);
        if (after is null or AfterClose.Offer or AfterClose.Rescind) SendOpenResult(channel, open, NtStatus.Unexpected);
        if (after is AfterClose.Offer && open.AnswerClose) Send(new CloseReservedChannelResponse(channel.Id));
        Finish(channel, after ?? AfterClose.Offer);
    }

    /// <summary>The answer to <see cref="IChannelEffects.Close"/>: nothing touches the rings any more.</summary>
    public void CloseCompleted(uint channelId)
    {
        ServerChannel channel = Started(channelId, ChannelState.Closing);
        bool answerClose = channel.Open!.AnswerClose;
        ReleaseRing(channel);
        channel.IsQuiet = true;
        if (answerClose && Version is not null) Send(new CloseReservedChannelResponse(channel.Id));
        Settle(channel);
    }

    /// <summary>The answer to <see cref="IChannelEffects.Retarget"/>: the last interrupt for the old processor has been raised.</summary>
    public void RetargetCompleted(uint channelId)
    {
        ServerChannel channel = Started(channelId, ChannelState.Open, ChannelState.Closing);
        channel.IsRetargeting = false;
        if (channel.After is not (AfterClose.Release or AfterClose.Forget)) SendModifyResult(channelId, NtStatus.Success);
    }

    /// <summary>The guest broke the rules of a device's protocol or of its ring: the channel is closed and rescinded.</summary>
    public void Fail(uint channelId)
    {
        End(Started(channelId, ChannelState.Opening, ChannelState.Open, ChannelState.Closing), AfterClose.Rescind);
    }

    private Refusal? OnOpen(in OpenChannelRequest request)
    {
        if (!TryFind(request.ChannelId, out ServerChannel? channel)) return Refusal.UnknownChannel;
        return channel.State switch
        {
            ChannelState.Offered => BeginOpen(channel, request),
            ChannelState.Opening or ChannelState.Open => RefuseOpen(request),
            ChannelState.Closing => OnOpenWhileClosing(channel, request),
            ChannelState.Rescinded => AnswerCrossed(request),
            ChannelState.Unoffered or ChannelState.Released => Refusal.UnknownChannel,
        };
    }

    // CLOSE has no answer, so a guest may open again before the device has stopped.
    private Refusal? OnOpenWhileClosing(ServerChannel channel, in OpenChannelRequest request)
    {
        if (channel.After != AfterClose.Offer) return AnswerCrossed(request);
        if (channel.Reopen is not null) return RefuseOpen(request);
        channel.Reopen = request;
        return null;
    }

    // The open crossed a rescind on its way. Linux waits for either, but handles rescinds one after the other, each only when the device's probe
    // has ended: one that waits for a later probe keeps back the rescind that this one waits for.
    private Refusal? AnswerCrossed(in OpenChannelRequest request)
    {
        Send(new OpenChannelResult(request.ChannelId, request.OpenId, NtStatus.Unexpected));
        return null;
    }

    private Refusal? RefuseOpen(in OpenChannelRequest request)
    {
        Send(new OpenChannelResult(request.ChannelId, request.OpenId, NtStatus.InvalidParameter));
        return Refusal.BadState;
    }

    private Refusal? OnOpenReserved(in OpenReservedChannel request)
    {
        if (!TryFind(request.ChannelId, out ServerChannel? channel)) return Refusal.UnknownChannel;
        if (channel.State != ChannelState.Offered) return Refusal.BadState;
        return BeginOpen(
            channel,
            new OpenChannelRequest(
                request.ChannelId, 0, request.RingGpadlId, SyntheticInterrupts.NoProcessor, request.DownstreamPageOffset, default, 0, 0, 0),
            isReserved: true);
    }

    private Refusal? BeginOpen(ServerChannel channel, in OpenChannelRequest request, bool isReserved = false)
    {
        Refusal? refusal = null;
        uint connectionId = ConnectionIds.ForChannel(channel.Id);
        uint eventFlag = channel.Id;
        IReadOnlyList<PageRun> fromGuest = [], toGuest = [];
        if (channel.Primary is { State: not ChannelState.Open })
            refusal = Refusal.BadState;
        else if (!_gpadls.TryGet(channel.Id, request.RingGpadlId, out Gpadl? ring))
            refusal = Refusal.UnknownGpadl;
        else if (ring.IsInUse || !ring.TrySplit(request.DownstreamPageOffset, out fromGuest, out toGuest))
            refusal = Refusal.BadRing;
        else if (!isReserved && (Features & FeatureFlags.GuestSpecifiedSignalParameters) != 0
            && !TryUseGuestSignals(channel, request, ref connectionId, ref eventFlag))
            refusal = Refusal.BadState;
        else
            channel.Open = new OpenState(request.OpenId, ring, connectionId, request.TargetProcessor, isReserved);

        if (channel.Open is not { } open)
        {
            if (!isReserved) Send(new OpenChannelResult(channel.Id, request.OpenId, NtStatus.InvalidParameter));
            return refusal;
        }

        open.Ring.IsInUse = true;
        channel.SubchannelsWanted = 0;
        channel.State = ChannelState.Opening;
        effects.Open(new ChannelStart(
            channel.Id,
            channel.Primary?.Id ?? channel.Id,
            channel.SubchannelIndex,
            connectionId,
            eventFlag,
            request.TargetProcessor,
            fromGuest,
            toGuest,
            request.UserData,
            channel.MonitorId));
        return null;
    }

    // Two channels on one connection id could not be told apart.
    private bool TryUseGuestSignals(ServerChannel channel, in OpenChannelRequest request, ref uint connectionId, ref uint eventFlag)
    {
        if ((request.Flags & RedirectInterrupt) != 0) return false;
        uint wanted = request.ConnectionId;
        if (!ConnectionIds.IsAssignable(wanted) || request.EventFlag is 0 or > (ushort)MaximumChannelId) return false;
        if (_channels.Values.Any(other => other != channel && ConnectionOf(other) == wanted)) return false;
        connectionId = wanted;
        eventFlag = request.EventFlag;
        return true;
    }

    private static uint ConnectionOf(ServerChannel channel) => channel.Open?.ConnectionId ?? ConnectionIds.ForChannel(channel.Id);

    private Refusal? OnClose(uint channelId)
    {
        if (!TryFind(channelId, out ServerChannel? channel)) return Refusal.UnknownChannel;
        if (channel.Open is { IsReserved: true }) return Refusal.BadState;
        return channel.State switch
        {
            ChannelState.Open => BeginClose(channel, AfterClose.Offer),
            ChannelState.Opening => OnCloseWhileOpening(channel),
            ChannelState.Closing => OnCloseWhileClosing(channel),
            // Linux closes what was rescinded.
            ChannelState.Rescinded => null,
            ChannelState.Offered => Refusal.BadState,
            ChannelState.Unoffered or ChannelState.Released => Refusal.UnknownChannel,
        };
    }

    private static Refusal? OnCloseWhileOpening(ServerChannel channel)
    {
        if (channel.After is not null) return Refusal.BadState;
        channel.Decide(AfterClose.Offer);
        return null;
    }

    private Refusal? OnCloseWhileClosing(ServerChannel channel)
    {
        if (channel.After != AfterClose.Offer) return null;
        if (channel.Reopen is not { } reopen) return Refusal.BadState;
        // The open that waits is taken back before it began.
        channel.Reopen = null;
        Send(new OpenChannelResult(channel.Id, reopen.OpenId, NtStatus.Unexpected));
        return null;
    }

    private Refusal? OnCloseReserved(uint channelId)
    {
        if (!TryFind(channelId, out ServerChannel? channel)) return Refusal.UnknownChannel;
        if (channel.Open is not { IsReserved: true, AnswerClose: false } open) return Refusal.BadState;
        open.AnswerClose = true;
        End(channel, AfterClose.Offer);
        return null;
    }

    private Refusal? OnModify(in ModifyChannel request)
    {
        if (!TryFind(request.ChannelId, out ServerChannel? channel)) return Refusal.UnknownChannel;
        if (channel.State != ChannelState.Open || channel.IsRetargeting || channel.Open!.IsReserved)
        {
            SendModifyResult(request.ChannelId, NtStatus.InvalidParameter);
            return Refusal.BadState;
        }

        channel.Open.TargetProcessor = request.TargetProcessor;
        channel.IsRetargeting = true;
        effects.Retarget(channel.Id, request.TargetProcessor);
        return null;
    }

    // The channel is open: the device stops first, and sub-channels go with their primary.
    private Refusal? BeginClose(ServerChannel channel, AfterClose after)
    {
        channel.State = ChannelState.Closing;
        channel.After = after;
        channel.IsQuiet = false;
        effects.Close(channel.Id);
        if (after == AfterClose.Forget) return null;
        foreach (ServerChannel sub in channel.Subchannels.Where(sub => !sub.IsRemoved).ToList()) Rescind(sub);
        return null;
    }

    // Sub-channels are rescinded before their primary, and none may still run when the primary ends.
    private void Settle(ServerChannel channel)
    {
        if (channel.State != ChannelState.Closing || !channel.IsQuiet || channel.Subchannels.Any(sub => sub.IsRunning)) return;
        Finish(channel, channel.After ?? AfterClose.Offer);
    }

    private void ReleaseRing(ServerChannel channel)
    {
        Gpadl ring = channel.Open!.Ring;
        channel.Open = null;
        GiveBack(ring);
    }

    private void SendOpenResult(ServerChannel channel, OpenState open, NtStatus status)
    {
        if (!open.IsReserved) Send(new OpenChannelResult(channel.Id, open.OpenId, status));
    }

    private void SendModifyResult(uint channelId, NtStatus status)
    {
        if (Version >= ProtocolVersion.V5_3) Send(new ModifyChannelResponse(channelId, status));
    }
}
