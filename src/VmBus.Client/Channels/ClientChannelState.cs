namespace VmBus.Client.Channels;

/// <summary>Where a channel stands, as the guest sees it.</summary>
public enum ClientChannelState
{
    /// <summary>The host knows the rings but does not use them.</summary>
    Prepared,

    /// <summary>The host has been asked and has not answered in time: the rings are its own until the channel is closed.</summary>
    Opening,

    /// <summary>Packets flow.</summary>
    Open,

    /// <summary>The rings are gone.</summary>
    Closed,
}
