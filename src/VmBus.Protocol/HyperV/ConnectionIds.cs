namespace VmBus.Protocol.HyperV;

/// <summary>Connection ids: what POST_MESSAGE and SIGNAL_EVENT name as their destination. 24 bits. Source: protocol-spec/synic.md#connection-ids.</summary>
public static class ConnectionIds
{
    /// <summary>The message connection of versions below 5.0, and the one the host names in VERSION_RESPONSE from 5.0 on.</summary>
    public const uint Message = 1;

    /// <summary>The event connection that all channels shared before per-channel connections.</summary>
    public const uint SharedEvent = 2;

    /// <summary>The connection of monitored notification.</summary>
    public const uint Monitor = 3;

    /// <summary>The message connection on which INITIATE_CONTACT arrives from 5.0 on.</summary>
    public const uint MultiClientMessage = 4;

    /// <summary>Largest id: the upper 8 bits of the field are ignored.</summary>
    public const uint Maximum = 0xFF_FFFF;

    private const uint ChannelBase = 0x2000;

    /// <summary>The event connection of one channel: its id with the VMBus SINT (2) at bit 12, so it never meets a fixed id.</summary>
    public static uint ForChannel(uint channelId) => ChannelBase | channelId;

    /// <summary>Whether POST_MESSAGE on this id reaches the channel server.</summary>
    public static bool IsMessagePort(uint connectionId) => connectionId is Message or MultiClientMessage;

    /// <summary>Whether a guest may choose this id for a channel's signals: 24 bits, and none of the fixed ids.</summary>
    public static bool IsAssignable(uint connectionId) => connectionId is > MultiClientMessage and <= Maximum;
}
