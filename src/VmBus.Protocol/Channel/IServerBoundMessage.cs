namespace VmBus.Protocol.Channel;

/// <summary>A message that a guest sends.</summary>
/// <typeparam name="TSelf">The message itself.</typeparam>
public interface IServerBoundMessage<TSelf>
    where TSelf : struct, IServerBoundMessage<TSelf>
{
    /// <summary>Its number.</summary>
    static abstract ServerBoundType Type { get; }

    /// <summary>Reads a whole message, header included; the number has been looked at before. False when it is too short. Never throws.</summary>
    static abstract bool TryRead(ReadOnlySpan<byte> message, out TSelf value);

    /// <summary>Writes the whole message.</summary>
    /// <returns>Bytes written.</returns>
    int Write(Span<byte> destination);
}

/// <summary>A message that a host sends.</summary>
/// <typeparam name="TSelf">The message itself.</typeparam>
public interface IClientBoundMessage<TSelf>
    where TSelf : struct, IClientBoundMessage<TSelf>
{
    /// <summary>Its number.</summary>
    static abstract ClientBoundType Type { get; }

    /// <summary>Reads a whole message, header included; the number has been looked at before. False when it is too short. Never throws.</summary>
    static abstract bool TryRead(ReadOnlySpan<byte> message, out TSelf value);

    /// <summary>Writes the whole message.</summary>
    /// <returns>Bytes written.</returns>
    int Write(Span<byte> destination);
}
