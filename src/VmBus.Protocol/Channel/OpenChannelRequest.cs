namespace VmBus.Protocol.Channel;

/// <summary>OPEN_CHANNEL: start serving a channel over the rings of a GPADL.</summary>
/// <param name="ChannelId">The channel.</param>
/// <param name="OpenId">Echoed in the answer.</param>
/// <param name="RingGpadlId">Both rings: guest to host first.</param>
/// <param name="TargetProcessor">The virtual processor to interrupt; 0xFFFFFFFF for none.</param>
/// <param name="DownstreamPageOffset">Page of the GPADL at which the ring towards the guest begins.</param>
/// <param name="UserData">120 bytes for the device.</param>
/// <param name="ConnectionId">Longer form: the guest signals on this connection.</param>
/// <param name="EventFlag">Longer form: the host raises this flag.</param>
/// <param name="Flags">Longer form: bit 0 redirects interrupts to a paravisor.</param>
/// <remarks>
/// [8) ChannelId u32 · [12) OpenId u32 · [16) RingGpadlId u32 · [20) TargetProcessor u32 · [24) DownstreamPageOffset u32 ·
/// [28) UserData 120 bytes · [148) ConnectionId u32 (longer form) · [152) EventFlag u16 (longer form) · [154) Flags u16 (longer form).
/// Source: protocol-spec/channel-messages.md#layouts.
/// </remarks>
public readonly record struct OpenChannelRequest(
    uint ChannelId,
    uint OpenId,
    uint RingGpadlId,
    uint TargetProcessor,
    uint DownstreamPageOffset,
    ReadOnlyMemory<byte> UserData,
    uint ConnectionId,
    ushort EventFlag,
    ushort Flags) : IServerBoundMessage<OpenChannelRequest>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 148;

    /// <summary>Bytes on the wire of the longer form (OPEN_CHANNEL2).</summary>
    public const int ExtendedSize = 156;

    /// <summary>Bytes of the user data.</summary>
    public const int UserDataBytes = 120;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.OpenChannel;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out OpenChannelRequest value)
    {
        bool isExtended = message.Length >= ExtendedSize;
        var body = new MessageReader(message);
        value = new(
            body.UInt32(),
            body.UInt32(),
            body.UInt32(),
            body.UInt32(),
            body.UInt32(),
            body.Bytes(UserDataBytes),
            isExtended ? body.UInt32() : 0,
            isExtended ? body.UInt16() : (ushort)0,
            isExtended ? body.UInt16() : (ushort)0);
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type)
        .UInt32(ChannelId)
        .UInt32(OpenId)
        .UInt32(RingGpadlId)
        .UInt32(TargetProcessor)
        .UInt32(DownstreamPageOffset)
        .Bytes(UserData.Span, UserDataBytes)
        .UInt32(ConnectionId)
        .UInt16(EventFlag)
        .UInt16(Flags)
        .Length;
}
