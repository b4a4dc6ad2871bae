using VmBus.Bus.Gpadls;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;

namespace VmBus.Bus.Channels;

/// <summary>Guest memory that the guest describes and takes back.</summary>
internal sealed partial class ChannelServer
{
    /// <summary>The device of a running channel wants to use a GPADL of that channel other than its rings.</summary>
    /// <returns>The GPADL, in use until <see cref="ReleaseGpadl"/> or the channel's end; null when there is none to be had.</returns>
    public Gpadl? TakeGpadl(uint channelId, uint gpadlId)
    {
        _ = Started(channelId, ChannelState.Opening, ChannelState.Open, ChannelState.Closing);
        if (!_gpadls.TryGet(channelId, gpadlId, out Gpadl? gpadl)) return null;
        if (gpadl.IsInUse || gpadl.Ranges.Count != 1) return null;
        gpadl.IsInUse = true;
        return gpadl;
    }

    /// <summary>The device of a running channel has stopped using what it took.</summary>
    public void ReleaseGpadl(uint channelId, uint gpadlId)
    {
        _ = Started(channelId, ChannelState.Opening, ChannelState.Open, ChannelState.Closing);
        if (_gpadls.TryGet(channelId, gpadlId, out Gpadl? gpadl)) GiveBack(gpadl);
    }

    // Nothing of the host uses it any more: a teardown that waited is answered.
    private void GiveBack(Gpadl gpadl)
    {
        gpadl.IsInUse = false;
        if (!gpadl.IsTeardownPending) return;
        _gpadls.Remove(gpadl);
        if (Version is not null) Send(new GpadlTorndown(gpadl.Id));
    }

    private Refusal? OnGpadlHeader(in GpadlHeader header, ReadOnlySpan<byte> ranges)
    {
        if (!_channels.TryGetValue(header.ChannelId, out ServerChannel? channel) || !channel.TakesGpadls)
        {
            Send(new GpadlCreated(header.ChannelId, header.GpadlId, NtStatus.InvalidParameter));
            return Refusal.UnknownChannel;
        }

        GpadlProgress progress = _gpadls.Begin(header.ChannelId, header.GpadlId, header.RangeBytes, header.RangeCount, ranges);
        return Answer(progress, header.ChannelId, header.GpadlId);
    }

    private Refusal? OnGpadlBody(in GpadlBody body, ReadOnlySpan<byte> ranges)
        => Answer(_gpadls.Continue(body.GpadlId, ranges, out uint channelId), channelId, body.GpadlId);

    private Refusal? Answer(GpadlProgress progress, uint channelId, uint gpadlId)
    {
        (NtStatus? answer, Refusal? refusal) = Judge(progress);
        if (answer is { } status) Send(new GpadlCreated(channelId, gpadlId, status));
        return refusal;
    }

    // Bodies that follow a refused header have nobody to answer to.
    private static (NtStatus? Answer, Refusal? Refusal) Judge(GpadlProgress progress) => progress switch
    {
        GpadlProgress.Incomplete => (null, null),
        GpadlProgress.Unknown => (null, Refusal.UnknownGpadl),
        GpadlProgress.Complete => (NtStatus.Success, null),
        GpadlProgress.Invalid => (NtStatus.InvalidParameter, Refusal.BadGpadl),
        GpadlProgress.OverQuota => (NtStatus.InsufficientResources, Refusal.Quota),
    };

    // The guest frees the pages right after the answer, and waits for it without a limit: so always an answer, but never too early.
    private Refusal? OnGpadlTeardown(in GpadlTeardown request)
    {
        if (_gpadls.TryGet(request.ChannelId, request.GpadlId, out Gpadl? gpadl))
        {
            if (gpadl.IsInUse)
            {
                // Rings go back by a close. A device may not have heard that its buffer is given up, and without a word would keep it.
                bool isAsked = gpadl.IsTeardownPending || _channels.GetValueOrDefault(request.ChannelId)?.Open?.Ring == gpadl;
                gpadl.IsTeardownPending = true;
                if (!isAsked) effects.WantGpadl(request.ChannelId, request.GpadlId);
                return null;
            }

            _gpadls.Remove(gpadl);
            Send(new GpadlTorndown(request.GpadlId));
            return null;
        }

        bool abandoned = _gpadls.Abandon(request.ChannelId, request.GpadlId);
        Send(new GpadlTorndown(request.GpadlId));
        return abandoned ? null : Refusal.UnknownGpadl;
    }
}
