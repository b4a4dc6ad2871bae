using VmBus.Protocol.HyperV;

namespace VmBus.Protocol.Channel;

/// <summary>TL_CONNECT_RESULT: a socket connection failed. A success is the offer of its channel.</summary>
/// <param name="EndpointId">The end of the guest, as in the request.</param>
/// <param name="ServiceId">The service asked for.</param>
/// <param name="Status">Why it failed.</param>
/// <remarks>[8) EndpointId guid · [24) ServiceId guid · [40) Status u32. Source: protocol-spec/channel-messages.md#layouts.</remarks>
public readonly record struct TlConnectResult(Guid EndpointId, Guid ServiceId, NtStatus Status) : IClientBoundMessage<TlConnectResult>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 44;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.TlConnectResult;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out TlConnectResult value)
    {
        var body = new MessageReader(message);
        value = new(body.Guid(), body.Guid(), (NtStatus)body.UInt32());
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type)
        .Guid(EndpointId)
        .Guid(ServiceId)
        .UInt32((uint)Status)
        .Length;
}
