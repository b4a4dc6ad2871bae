namespace VmBus.Protocol.Channel;

/// <summary>Who sends a channel message.</summary>
public enum MessageDirection
{
    /// <summary>The guest, to the channel server.</summary>
    ServerBound,

    /// <summary>The channel server, to the guest.</summary>
    ClientBound,
}
