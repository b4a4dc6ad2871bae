namespace VmBus.Protocol.Channel;

/// <summary>OFFER_CHANNEL in the form of version 1.1 and later: here is a device, or one more channel of a device.</summary>
/// <param name="InterfaceType">What it is; the guest chooses its driver by it.</param>
/// <param name="InterfaceInstance">Which one it is; Linux matches repeated offers by it alone.</param>
/// <param name="Flags">What else the guest should know.</param>
/// <param name="MmioMegabytes">Device memory the guest must find, in MiB.</param>
/// <param name="UserDefined">120 bytes for the device; shorter ones are filled up with zero.</param>
/// <param name="SubchannelIndex">0 for the primary channel, 1 and up for sub-channels.</param>
/// <param name="ChannelId">The channel id (relid), 1 to 2047; also the event flag the host raises.</param>
/// <param name="ConnectionId">What the guest signals on.</param>
/// <remarks>
/// [8) InterfaceType guid · [24) InterfaceInstance guid · [40) reserved 16 bytes · [56) Flags u16 · [58) MmioMegabytes u16 ·
/// [60) UserDefined 120 bytes · [180) SubchannelIndex u16 · [182) optional device memory u16, 0 · [184) ChannelId u32 ·
/// [188) MonitorId u8, 0xFF for none · [189) monitor allocated u8, bit 0 · [190) dedicated interrupt u16, 1 · [192) ConnectionId u32.
/// Source: protocol-spec/channel-messages.md#layouts.
/// </remarks>
public readonly record struct OfferChannel(
    Guid InterfaceType,
    Guid InterfaceInstance,
    OfferFlags Flags,
    ushort MmioMegabytes,
    ReadOnlyMemory<byte> UserDefined,
    ushort SubchannelIndex,
    uint ChannelId,
    uint ConnectionId) : IClientBoundMessage<OfferChannel>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 196;

    /// <summary>Bytes of the user-defined area.</summary>
    public const int UserDefinedBytes = 120;

    /// <summary>The bit of the monitor page by which the guest signals; null when it signals by hypercalls.</summary>
    public byte? MonitorId { get; init; }

    private const byte NoMonitor = 0xFF;
    private const byte HasMonitor = 1;
    private const ushort DedicatedInterrupt = 1;

    /// <inheritdoc/>
    public static ClientBoundType Type => ClientBoundType.OfferChannel;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out OfferChannel value)
    {
        var body = new MessageReader(message);
        Guid type = body.Guid(), instance = body.Guid();
        body.Skip(16);
        var flags = (OfferFlags)body.UInt16();
        ushort megabytes = body.UInt16();
        byte[] userDefined = body.Bytes(UserDefinedBytes);
        ushort index = body.UInt16();
        body.Skip(2);
        uint channel = body.UInt32();
        byte monitor = body.Byte();
        bool isMonitored = (body.Byte() & HasMonitor) != 0;
        body.Skip(2);
        value = new(type, instance, flags, megabytes, userDefined, index, channel, body.UInt32()) { MonitorId = isMonitored ? monitor : null };
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination) => new MessageWriter(destination, (uint)Type)
        .Guid(InterfaceType)
        .Guid(InterfaceInstance)
        .Reserved(16)
        .UInt16((ushort)Flags)
        .UInt16(MmioMegabytes)
        .Bytes(UserDefined.Span, UserDefinedBytes)
        .UInt16(SubchannelIndex)
        .Reserved(2)
        .UInt32(ChannelId)
        .Byte(MonitorId ?? NoMonitor)
        .Byte(MonitorId is null ? (byte)0 : HasMonitor)
        .UInt16(DedicatedInterrupt)
        .UInt32(ConnectionId)
        .Length;
}
