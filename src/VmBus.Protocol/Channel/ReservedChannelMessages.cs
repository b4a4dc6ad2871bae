namespace VmBus.Protocol.Channel;

/// <summary>OPEN_RESERVED_CHANNEL: opens an offered channel without an answer and without interrupts.</summary>
/// <param name="ChannelId">The channel.</param>
/// <param name="TargetProcessor">Where the answer to the close goes.</param>
/// <param name="TargetInterrupt">The synthetic interrupt source of that answer.</param>
/// <param name="RingGpadlId">The rings.</param>
/// <param name="DownstreamPageOffset">Page of the GPADL at which the ring towards the guest begins.</param>
/// <remarks>
/// [8) ChannelId u32 · [12) TargetProcessor u32 · [16) TargetInterrupt u32 · [20) RingGpadlId u32 ·
/// [24) DownstreamPageOffset u32. Source: protocol-spec/channel-messages.md#layouts.
/// </remarks>
public readonly record struct OpenReservedChannel(
    uint ChannelId, uint TargetProcessor, uint TargetInterrupt, uint RingGpadlId, uint DownstreamPageOffset)
    : IServerBoundMessage<OpenReservedChannel>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 28;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.OpenReservedChannel;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out OpenReservedChannel value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32(), body.UInt32(), body.UInt32(), body.UInt32(), body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type)
        .UInt32(ChannelId)
        .UInt32(TargetProcessor)
        .UInt32(TargetInterrupt)
        .UInt32(RingGpadlId)
        .UInt32(DownstreamPageOffset)
        .Length;
}

/// <summary>CLOSE_RESERVED_CHANNEL: closes it, with an answer.</summary>
/// <param name="ChannelId">The channel.</param>
/// <param name="TargetProcessor">Where the answer goes.</param>
/// <param name="TargetInterrupt">The synthetic interrupt source of the answer.</param>
/// <remarks>[8) ChannelId u32 · [12) TargetProcessor u32 · [16) TargetInterrupt u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct CloseReservedChannel(
    uint ChannelId, uint TargetProcessor, uint TargetInterrupt)
    : IServerBoundMessage<CloseReservedChannel>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 20;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.CloseReservedChannel;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out CloseReservedChannel value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32(), body.UInt32(), body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type)
        .UInt32(ChannelId)
        .UInt32(TargetProcessor)
        .UInt32(TargetInterrupt)
        .Length;
}

/// <summary>CLOSE_RESERVED_CHANNEL_RESPONSE: the rings are not touched any more.</summary>
/// <param name="ChannelId">The channel.</param>
/// <remarks>[8) ChannelId u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct CloseReservedChannelResponse(uint ChannelId) : IClientBoundMessage<CloseReservedChannelResponse>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 12;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.CloseReservedChannelResponse;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out CloseReservedChannelResponse value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).UInt32(ChannelId).Length;
}
