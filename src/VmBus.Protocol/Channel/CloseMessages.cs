using VmBus.Protocol.HyperV;

namespace VmBus.Protocol.Channel;

/// <summary>OPEN_CHANNEL_RESULT: answers OPEN_CHANNEL.</summary>
/// <param name="ChannelId">The channel.</param>
/// <param name="OpenId">Echo of the request; guests match on it.</param>
/// <param name="Status">0 when open.</param>
/// <remarks>[8) ChannelId u32 · [12) OpenId u32 · [16) Status u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct OpenChannelResult(uint ChannelId, uint OpenId, NtStatus Status) : IClientBoundMessage<OpenChannelResult>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 20;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.OpenChannelResult;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out OpenChannelResult value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32(), body.UInt32(), (NtStatus)body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination)
        => new MessageWriter(destination, (uint)Type).UInt32(ChannelId).UInt32(OpenId).UInt32((uint)Status).Length;
}

/// <summary>CLOSE_CHANNEL: stop using the rings. Has no answer; GPADL_TORNDOWN is what the guest waits for.</summary>
/// <param name="ChannelId">The channel.</param>
/// <remarks>[8) ChannelId u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct CloseChannel(uint ChannelId) : IServerBoundMessage<CloseChannel>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 12;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.CloseChannel;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out CloseChannel value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).UInt32(ChannelId).Length;
}
