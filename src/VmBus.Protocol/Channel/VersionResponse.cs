namespace VmBus.Protocol.Channel;

/// <summary>VERSION_RESPONSE: answers INITIATE_CONTACT.</summary>
/// <param name="Supported">1 when the version is accepted, 0 when the guest should try an older one.</param>
/// <param name="Status">How making the connection went.</param>
/// <param name="VersionOrConnectionId">Below 5.0 the version accepted, from 5.0 the connection for messages; 0 in a refusal.</param>
/// <param name="Features">From 6.0 the features granted: the longer form; null gives the plain one.</param>
/// <remarks>
/// [8) Supported u8 · [9) Status u8 · [12) VersionOrConnectionId u32 · [16) Features u32 (longer form).
/// Even a refusal has 16 bytes: Linux drops a shorter one and waits for ever. Source: protocol-spec/channel-messages.md#layouts.
/// </remarks>
public readonly record struct VersionResponse(byte Supported, ConnectionStatus Status, uint VersionOrConnectionId, FeatureFlags? Features)
    : IClientBoundMessage<VersionResponse>
{
    /// <summary>Bytes on the wire without features.</summary>
    public const int Size = 16;

    /// <summary>Bytes on the wire with features.</summary>
    public const int ExtendedSize = 20;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.VersionResponse;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out VersionResponse value)
    {
        var body = new MessageReader(message);
        byte supported = body.Byte();
        var status = (ConnectionStatus)body.Byte();
        body.Skip(2);
        value = new(supported, status, body.UInt32(), message.Length >= ExtendedSize ? (FeatureFlags)body.UInt32() : null);
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination)
    {
        MessageWriter body = new MessageWriter(destination, (uint)Type)
            .Byte(Supported)
            .Byte((byte)Status)
            .Reserved(2)
            .UInt32(VersionOrConnectionId);
        return Features is { } features ? body.UInt32((uint)features).Length : body.Length;
    }
}
