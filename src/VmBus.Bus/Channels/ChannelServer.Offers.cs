using System.Diagnostics.CodeAnalysis;
using VmBus.Bus.Devices;
using VmBus.Bus.Gpadls;
using VmBus.Memory.Synic;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;

namespace VmBus.Bus.Channels;

/// <summary>Which channels there are and whether the guest knows them.</summary>
internal sealed partial class ChannelServer
{
    /// <summary>Largest channel id: one event flag each, and flag 0 is not used.</summary>
    public const uint MaximumChannelId = SyntheticInterrupts.EventFlagCount - 1;

    /// <summary>Adds a device. Its channel id is the lowest free one, so the same devices in the same order always have the same ids.</summary>
    /// <returns>The primary channel's id, or null when all ids are taken.</returns>
    /// <exception cref="ArgumentException">A device with this instance id is there already.</exception>
    public uint? Offer(ChannelOffer offer)
    {
        if (Find(offer.InterfaceInstance) is not null)
            throw new ArgumentException($"A device with the instance id {offer.InterfaceInstance} is already offered.", nameof(offer));
        if (Add(offer, null, 0) is not { } channel) return null;
        TryOffer(channel);
        return channel.Id;
    }

    /// <summary>Takes a device away; <see cref="IChannelEffects.DeviceStopped"/> tells when nothing of it runs any more.</summary>
    public void Remove(uint primaryId)
    {
        ServerChannel channel = _channels[primaryId];
        channel.IsRemoved = true;
        Rescind(channel);
    }

    /// <summary>
    /// Sets how many sub-channels a device has: offers what is missing, rescinds what is too many. Ignored when the primary closes.
    /// </summary>
    public void OfferSubchannels(uint primaryId, int count)
    {
        if (!_channels.TryGetValue(primaryId, out ServerChannel? primary)) return;
        // The guest takes a sub-channel for a device of its own unless it knows that the primary is open.
        if (primary.State == ChannelState.Opening) primary.SubchannelsWanted = count;
        if (primary.State != ChannelState.Open) return;
        foreach (ServerChannel surplus in primary.Subchannels.Where(sub => !sub.IsRemoved && sub.SubchannelIndex > count).ToList()) Rescind(surplus);
        for (int index = 1; index <= count; index++)
        {
            if (primary.Subchannels.Any(sub => !sub.IsRemoved && sub.SubchannelIndex == index)) continue;
            if (Add(primary.Offer, primary, index) is not { } channel) return;
            channel.State = ChannelState.Offered;
            SendOffer(channel);
        }
    }

    // What the guest does not hold does not exist for it.
    private bool TryFind(uint channelId, [NotNullWhen(true)] out ServerChannel? channel)
        => _channels.TryGetValue(channelId, out channel) && channel.IsHeldByGuest;

    private ServerChannel? Find(Guid instance)
        => _channels.Values.FirstOrDefault(channel => channel.Primary is null && !channel.IsRemoved && channel.Offer.InterfaceInstance == instance);

    private ServerChannel? Add(ChannelOffer offer, ServerChannel? primary, int index)
    {
        uint id = 1;
        while (id <= MaximumChannelId && _channels.ContainsKey(id)) id++;
        if (id > MaximumChannelId) return null;
        var channel = new ServerChannel(id, offer, primary, index) { MonitorId = offer.IsMonitored && primary is null ? TakeMonitorId() : null };
        _channels.Add(id, channel);
        primary?.Subchannels.Add(channel);
        return channel;
    }

    // One that finds none signals by hypercalls, as all others do.
    private byte? TakeMonitorId()
    {
        for (byte id = 0; id < MonitorTrigger.IdCount; id++)
        {
            if (_channels.Values.All(channel => channel.MonitorId != id)) return id;
        }

        return null;
    }

    // Only once per connection: a guest that lost count gets nothing twice.
    private Refusal? OnRequestOffers()
    {
        if (_offersRequested) return Refusal.BadState;
        _offersRequested = true;
        foreach (ServerChannel channel in _channels.Values.ToList()) TryOffer(channel);
        Send(new AllOffersDelivered());
        return null;
    }

    // Linux matches offers by instance alone, so a new device waits until the guest has released an older one with the same instance.
    private void TryOffer(ServerChannel channel)
    {
        if (!_offersRequested || channel.State != ChannelState.Unoffered || channel.Primary is not null || channel.IsRemoved) return;
        bool isHeldBack = _channels.Values.Any(other => other != channel && other.Primary is null && other.IsRemoved
            && other.Offer.InterfaceInstance == channel.Offer.InterfaceInstance);
        if (isHeldBack) return;
        channel.State = ChannelState.Offered;
        SendOffer(channel);
    }

    private void SendOffer(ServerChannel channel)
    {
        const OfferFlags Negotiable = OfferFlags.ConfidentialRingBuffer | OfferFlags.ConfidentialExternalMemory | OfferFlags.PinnedExternalMemory;
        Send(new OfferChannel(
            channel.Offer.InterfaceType,
            channel.Offer.InterfaceInstance,
            (OfferFlags)channel.Offer.Flags & ~Negotiable,
            channel.Offer.MmioMegabytes,
            channel.Offer.UserDefined,
            (ushort)channel.SubchannelIndex,
            channel.Id,
            ConnectionIds.ForChannel(channel.Id))
        {
            MonitorId = channel.MonitorId,
        });
    }

    private Refusal? OnRelIdReleased(uint channelId)
    {
        if (!TryFind(channelId, out ServerChannel? channel)) return Refusal.UnknownChannel;
        End(channel, AfterClose.Release);
        return null;
    }

    // The host's side takes a channel back: at once when nothing runs, else when it has stopped. After RESCIND the guest frees the rings
    // without waiting for an answer, so the device has to be quiet before it is sent.
    private void Rescind(ServerChannel channel)
    {
        if (channel.Primary is not null) channel.IsRemoved = true;
        if (!channel.IsKnownToGuest)
            Forget(channel);
        else if (channel.State == ChannelState.Rescinded)
            ReportStopped(channel);
        else
            End(channel, AfterClose.Rescind);
    }

    // One way out of every state: stop first what runs, remember why, and finish when it has stopped.
    private void End(ServerChannel channel, AfterClose after)
    {
        if (channel.State == ChannelState.Open)
        {
            _ = BeginClose(channel, after);
        }
        else if (channel.IsRunning)
        {
            if (after == AfterClose.Rescind && channel.Reopen is { } waiting) _ = AnswerCrossed(waiting);
            channel.Decide(after);
            Settle(channel);
        }
        else
        {
            Finish(channel, after);
        }
    }

    // Nothing of the channel runs any more: where it goes from here.
    private void Finish(ServerChannel channel, AfterClose after)
    {
        OpenChannelRequest? reopen = channel.Reopen;
        channel.After = null;
        channel.Reopen = null;
        channel.IsQuiet = false;
        // Sub-channels share their primary's buffers, so these are given back only now.
        foreach (Gpadl gpadl in _gpadls.Complete.Where(gpadl => gpadl.ChannelId == channel.Id && gpadl.IsInUse).ToList()) GiveBack(gpadl);
        channel.State = after switch
        {
            AfterClose.Offer => ChannelState.Offered,
            AfterClose.Rescind => ChannelState.Rescinded,
            AfterClose.Release => ChannelState.Released,
            AfterClose.Forget => ChannelState.Unoffered,
        };
        if (after == AfterClose.Rescind)
        {
            Send(new RescindChannelOffer(channel.Id));
            ReportStopped(channel);
        }

        if (after == AfterClose.Release) _gpadls.RemoveChannel(channel.Id);
        if (!channel.IsKnownToGuest && (channel.IsRemoved || channel.Primary is not null)) Forget(channel);
        if (reopen is { } request) _ = BeginOpen(channel, request);
        if (channel.Primary is { } primary) Settle(primary);
        CompleteDisconnect();
    }

    private void Forget(ServerChannel channel)
    {
        _channels.Remove(channel.Id);
        channel.Primary?.Subchannels.Remove(channel);
        ReportStopped(channel);
        foreach (ServerChannel other in _channels.Values.ToList()) TryOffer(other);
    }

    private void ReportStopped(ServerChannel channel)
    {
        if (!channel.IsRemoved || channel.Primary is not null || channel.IsStopReported) return;
        channel.IsStopReported = true;
        effects.DeviceStopped(channel.Id);
    }
}
