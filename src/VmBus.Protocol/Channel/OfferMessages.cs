namespace VmBus.Protocol.Channel;

/// <summary>REQUEST_OFFERS: send every offer, then ALL_OFFERS_DELIVERED. Once per connection.</summary>
public readonly record struct RequestOffers : IServerBoundMessage<RequestOffers>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.RequestOffers;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out RequestOffers value)
    {
        value = default;
        return message.Length >= Size;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).Length;
}

/// <summary>ALL_OFFERS_DELIVERED: every device there is has been offered.</summary>
public readonly record struct AllOffersDelivered : IClientBoundMessage<AllOffersDelivered>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.AllOffersDelivered;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out AllOffersDelivered value)
    {
        value = default;
        return message.Length >= Size;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).Length;
}

/// <summary>RESCIND_CHANNEL_OFFER: the device is gone; the guest closes the channel and answers RELID_RELEASED.</summary>
/// <param name="ChannelId">The channel.</param>
/// <remarks>[8) ChannelId u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct RescindChannelOffer(uint ChannelId) : IClientBoundMessage<RescindChannelOffer>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 12;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.RescindChannelOffer;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out RescindChannelOffer value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).UInt32(ChannelId).Length;
}

/// <summary>RELID_RELEASED: the guest has forgotten the channel; its id may be used again.</summary>
/// <param name="ChannelId">The channel.</param>
/// <remarks>[8) ChannelId u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct RelIdReleased(uint ChannelId) : IServerBoundMessage<RelIdReleased>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 12;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.RelIdReleased;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out RelIdReleased value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).UInt32(ChannelId).Length;
}
