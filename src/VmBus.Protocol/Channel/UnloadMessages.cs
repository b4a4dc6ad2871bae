namespace VmBus.Protocol.Channel;

/// <summary>UNLOAD: forget the connection, then answer.</summary>
public readonly record struct Unload : IServerBoundMessage<Unload>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.Unload;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out Unload value)
    {
        value = default;
        return message.Length >= Size;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).Length;
}

/// <summary>UNLOAD_RESPONSE: forgotten; nothing touches guest memory.</summary>
public readonly record struct UnloadResponse : IClientBoundMessage<UnloadResponse>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.UnloadResponse;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out UnloadResponse value)
    {
        value = default;
        return message.Length >= Size;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type).Length;
}
