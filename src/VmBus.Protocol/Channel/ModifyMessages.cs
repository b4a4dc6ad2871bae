using VmBus.Protocol.HyperV;

namespace VmBus.Protocol.Channel;

/// <summary>MODIFYCHANNEL: interrupt another virtual processor from now on.</summary>
/// <param name="ChannelId">The channel.</param>
/// <param name="TargetProcessor">The virtual processor.</param>
/// <remarks>[8) ChannelId u32 · [12) TargetProcessor u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct ModifyChannel(uint ChannelId, uint TargetProcessor) : IServerBoundMessage<ModifyChannel>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 16;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.ModifyChannel;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out ModifyChannel value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32(), body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type)
        .UInt32(ChannelId)
        .UInt32(TargetProcessor)
        .Length;
}

/// <summary>MODIFYCHANNEL_RESPONSE: the last interrupt for the old processor has been raised.</summary>
/// <param name="ChannelId">The channel.</param>
/// <param name="Status">0 when done.</param>
/// <remarks>[8) ChannelId u32 · [12) Status u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct ModifyChannelResponse(uint ChannelId, NtStatus Status) : IClientBoundMessage<ModifyChannelResponse>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 16;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.ModifyChannelResponse;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out ModifyChannelResponse value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32(), (NtStatus)body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).UInt32(ChannelId).UInt32((uint)Status).Length;
}

/// <summary>MODIFY_CONNECTION: other monitor pages, or none.</summary>
/// <param name="ParentToChildMonitorPage">Guest physical address, or 0.</param>
/// <param name="ChildToParentMonitorPage">Guest physical address, or 0.</param>
/// <remarks>[8) ParentToChildMonitorPage u64 · [16) ChildToParentMonitorPage u64. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct ModifyConnection(
    ulong ParentToChildMonitorPage, ulong ChildToParentMonitorPage)
    : IServerBoundMessage<ModifyConnection>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 24;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.ModifyConnection;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out ModifyConnection value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt64(), body.UInt64());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type)
        .UInt64(ParentToChildMonitorPage)
        .UInt64(ChildToParentMonitorPage)
        .Length;
}

/// <summary>MODIFY_CONNECTION_RESPONSE.</summary>
/// <param name="Status">How it went.</param>
/// <remarks>[8) Status u8. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct ModifyConnectionResponse(ConnectionStatus Status) : IClientBoundMessage<ModifyConnectionResponse>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 12;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.ModifyConnectionResponse;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out ModifyConnectionResponse value)
    {
        var body = new MessageReader(message);
        value = new((ConnectionStatus)body.Byte());
        body.Skip(3);
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).Byte((byte)Status).Reserved(3).Length;
}

/// <summary>PAUSE: hold messages after the answer.</summary>
public readonly record struct Pause : IServerBoundMessage<Pause>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.Pause;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out Pause value)
    {
        value = default;
        return message.Length >= Size;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).Length;
}

/// <summary>PAUSE_RESPONSE: the last message until RESUME.</summary>
public readonly record struct PauseResponse : IClientBoundMessage<PauseResponse>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.PauseResponse;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out PauseResponse value)
    {
        value = default;
        return message.Length >= Size;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).Length;
}

/// <summary>RESUME: messages may come again.</summary>
public readonly record struct Resume : IServerBoundMessage<Resume>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.Resume;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out Resume value)
    {
        value = default;
        return message.Length >= Size;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).Length;
}
