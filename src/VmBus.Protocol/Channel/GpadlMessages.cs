using VmBus.Protocol.HyperV;

namespace VmBus.Protocol.Channel;

/// <summary>GPADL_HEADER: begins to describe guest memory; the first bytes of the ranges follow.</summary>
/// <param name="ChannelId">The channel.</param>
/// <param name="GpadlId">The guest's name for the memory.</param>
/// <param name="RangeBytes">Bytes of all ranges, in this message and the bodies after it.</param>
/// <param name="RangeCount">How many ranges they hold.</param>
/// <remarks>
/// [8) ChannelId u32 · [12) GpadlId u32 · [16) RangeBytes u16 · [18) RangeCount u16. Source: protocol-spec/channel-messages.md#layouts.
/// </remarks>
public readonly record struct GpadlHeader(
    uint ChannelId, uint GpadlId, ushort RangeBytes, ushort RangeCount)
    : IServerBoundMessage<GpadlHeader>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 20;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.GpadlHeader;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out GpadlHeader value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32(), body.UInt32(), body.UInt16(), body.UInt16());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type)
        .UInt32(ChannelId)
        .UInt32(GpadlId)
        .UInt16(RangeBytes)
        .UInt16(RangeCount)
        .Length;

    /// <summary>The part of the ranges that came with the header.</summary>
    public static ReadOnlySpan<byte> Ranges(ReadOnlySpan<byte> message) => message[Size..];
}

/// <summary>GPADL_BODY: the next bytes of the ranges.</summary>
/// <param name="Sequence">Not to be relied on: Linux always sends 0.</param>
/// <param name="GpadlId">The id of the header.</param>
/// <remarks>[8) Sequence u32 · [12) GpadlId u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct GpadlBody(uint Sequence, uint GpadlId) : IServerBoundMessage<GpadlBody>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 16;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.GpadlBody;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out GpadlBody value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32(), body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).UInt32(Sequence).UInt32(GpadlId).Length;

    /// <summary>The part of the ranges that came with this body.</summary>
    public static ReadOnlySpan<byte> Ranges(ReadOnlySpan<byte> message) => message[Size..];
}

/// <summary>GPADL_CREATED: the memory is known, or not.</summary>
/// <param name="ChannelId">The channel.</param>
/// <param name="GpadlId">The id of the header.</param>
/// <param name="Status">0 when the memory may be used.</param>
/// <remarks>[8) ChannelId u32 · [12) GpadlId u32 · [16) Status u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct GpadlCreated(uint ChannelId, uint GpadlId, NtStatus Status) : IClientBoundMessage<GpadlCreated>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 20;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.GpadlCreated;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out GpadlCreated value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32(), body.UInt32(), (NtStatus)body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type)
        .UInt32(ChannelId)
        .UInt32(GpadlId)
        .UInt32((uint)Status)
        .Length;
}

/// <summary>GPADL_TEARDOWN: the guest wants its memory back.</summary>
/// <param name="ChannelId">The channel.</param>
/// <param name="GpadlId">The memory.</param>
/// <remarks>[8) ChannelId u32 · [12) GpadlId u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct GpadlTeardown(uint ChannelId, uint GpadlId) : IServerBoundMessage<GpadlTeardown>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 16;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.GpadlTeardown;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out GpadlTeardown value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32(), body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).UInt32(ChannelId).UInt32(GpadlId).Length;
}

/// <summary>GPADL_TORNDOWN: the host touches the memory no more. The guest frees it right after.</summary>
/// <param name="GpadlId">The memory.</param>
/// <remarks>[8) GpadlId u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct GpadlTorndown(uint GpadlId) : IClientBoundMessage<GpadlTorndown>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 12;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.GpadlTorndown;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out GpadlTorndown value)
    {
        var body = new MessageReader(message);
        value = new(body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).UInt32(GpadlId).Length;
}
