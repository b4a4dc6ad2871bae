namespace VmBus.Bus.Channels;

/// <summary>Where a channel stands between host and guest. Source: protocol-spec/channel.md#channel-states.</summary>
public enum ChannelState
{
    /// <summary>The guest does not know it: not connected, offers not asked for, or an older channel of the same instance not released yet.</summary>
    Unoffered,

    /// <summary>The guest may open it.</summary>
    Offered,

    /// <summary>The guest has opened it; the device is starting.</summary>
    Opening,

    /// <summary>Being served.</summary>
    Open,

    /// <summary>The device is stopping, or has stopped and its sub-channels are stopping. What comes after is remembered beside it.</summary>
    Closing,

    /// <summary>Taken back; the guest has not released it yet.</summary>
    Rescinded,

    /// <summary>The guest has released it while the device is still there: offered again at the next connection.</summary>
    Released,
}

/// <summary>What follows when a channel has stopped; a later reason wins only when it is further down.</summary>
internal enum AfterClose
{
    /// <summary>The guest closed it and may open it again.</summary>
    Offer,

    /// <summary>The host takes it back.</summary>
    Rescind,

    /// <summary>The guest has released it.</summary>
    Release,

    /// <summary>The connection is gone.</summary>
    Forget,
}
