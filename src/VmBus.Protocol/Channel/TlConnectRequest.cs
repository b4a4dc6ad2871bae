namespace VmBus.Protocol.Channel;

/// <summary>TL_CONNECT_REQUEST: connect a socket of the guest to a service of the host.</summary>
/// <param name="EndpointId">The guest's end; becomes the instance of the offer that answers.</param>
/// <param name="ServiceId">The service; becomes the interface type.</param>
/// <param name="SiloId">The container that asks, from 5.2 on; else empty.</param>
/// <remarks>[8) EndpointId guid · [24) ServiceId guid · [40) SiloId guid (longer form). Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct TlConnectRequest(Guid EndpointId, Guid ServiceId, Guid SiloId) : IServerBoundMessage<TlConnectRequest>
{
    /// <summary>Bytes on the wire without the silo.</summary>
    public const int Size = 40;

    /// <summary>Bytes on the wire with the silo.</summary>
    public const int ExtendedSize = 56;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.TlConnectRequest;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out TlConnectRequest value)
    {
        var body = new MessageReader(message);
        value = new(body.Guid(), body.Guid(), message.Length >= ExtendedSize ? body.Guid() : Guid.Empty);
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type)
        .Guid(EndpointId)
        .Guid(ServiceId)
        .Guid(SiloId)
        .Length;
}
