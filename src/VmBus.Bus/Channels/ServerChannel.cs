using VmBus.Bus.Devices;
using VmBus.Bus.Gpadls;
using VmBus.Protocol.Channel;

namespace VmBus.Bus.Channels;

/// <summary>What the channel server knows of one channel. Plain state: it can be returned as a value and rests on no thread.</summary>
internal sealed class ServerChannel(uint id, ChannelOffer offer, ServerChannel? primary, int subchannelIndex)
{
    /// <summary>The channel id (relid), kept as long as this object is in the table.</summary>
    public uint Id { get; } = id;

    public ChannelOffer Offer { get; } = offer;

    /// <summary>The channel that asked for this one, or null when this is a primary channel.</summary>
    public ServerChannel? Primary { get; } = primary;

    public int SubchannelIndex { get; } = subchannelIndex;

    public List<ServerChannel> Subchannels { get; } = [];

    /// <summary>The bit of the monitor page that is this channel's; null when its guest signals by hypercalls.</summary>
    public byte? MonitorId { get; init; }

    public ChannelState State { get; set; }

    /// <summary>What was decided while <see cref="ChannelState.Opening"/> or <see cref="ChannelState.Closing"/>.</summary>
    public AfterClose? After { get; set; }

    /// <summary>The device has stopped; only sub-channels are awaited.</summary>
    public bool IsQuiet { get; set; }

    /// <summary>The device is gone: forgotten as soon as the guest has released it.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>It has been said that nothing of the removed device runs any more.</summary>
    public bool IsStopReported { get; set; }

    /// <summary>A new target processor is on its way to the lane.</summary>
    public bool IsRetargeting { get; set; }

    /// <summary>What the guest opened it with, from Opening until the device has stopped.</summary>
    public OpenState? Open { get; set; }

    /// <summary>An open that came while closing; begins when the device has stopped.</summary>
    public OpenChannelRequest? Reopen { get; set; }

    /// <summary>Sub-channels that the device asked for while it was still opening.</summary>
    public int SubchannelsWanted { get; set; }

    /// <summary>Whether a device serves it, or may still touch its rings.</summary>
    public bool IsRunning => State switch
    {
        ChannelState.Opening or ChannelState.Open or ChannelState.Closing => true,
        ChannelState.Unoffered or ChannelState.Offered or ChannelState.Rescinded or ChannelState.Released => false,
    };

    /// <summary>Whether the channel id may not be given to another device: the guest has the offer, or something still runs.</summary>
    public bool IsKnownToGuest => State switch
    {
        ChannelState.Offered or ChannelState.Opening or ChannelState.Open or ChannelState.Closing or ChannelState.Rescinded => true,
        ChannelState.Unoffered or ChannelState.Released => false,
    };

    /// <summary>Whether the guest may speak of it: it has not said that it forgot it.</summary>
    public bool IsHeldByGuest => IsKnownToGuest && After is not (AfterClose.Release or AfterClose.Forget);

    /// <summary>Whether the guest may describe memory for it.</summary>
    public bool TakesGpadls => IsHeldByGuest && State != ChannelState.Rescinded;

    /// <summary>Remembers the later of two decisions.</summary>
    public void Decide(AfterClose after)
    {
        if (After is not { } decided || decided < after) After = after;
        if (after != AfterClose.Offer) Reopen = null;
    }
}

/// <summary>One open of a channel.</summary>
internal sealed class OpenState(uint openId, Gpadl ring, uint connectionId, uint targetProcessor, bool isReserved)
{
    public uint OpenId { get; } = openId;

    /// <summary>The rings' memory; not given back to the guest before the device has stopped.</summary>
    public Gpadl Ring { get; } = ring;

    public uint ConnectionId { get; } = connectionId;

    public uint TargetProcessor { get; set; } = targetProcessor;

    /// <summary>Opened by OPEN_RESERVED_CHANNEL: neither the open nor the interrupts have an answer.</summary>
    public bool IsReserved { get; } = isReserved;

    /// <summary>CLOSE_RESERVED_CHANNEL waits for its answer.</summary>
    public bool AnswerClose { get; set; }
}
