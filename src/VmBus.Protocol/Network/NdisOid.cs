namespace VmBus.Protocol.Network;

/// <summary>Objects that guests ask for and set; any other number may arrive. Source: protocol-spec/rndis.md#objects.</summary>
public enum NdisOid : uint
{
    /// <summary>No object.</summary>
    None = 0,

    /// <summary>All objects there are.</summary>
    SupportedList = 0x0001_0101,

    /// <summary>Ready or not.</summary>
    HardwareStatus = 0x0001_0102,

    /// <summary>Media that the adapter could use.</summary>
    MediaSupported = 0x0001_0103,

    /// <summary>Media that it uses.</summary>
    MediaInUse = 0x0001_0104,

    /// <summary>Longest look-ahead.</summary>
    MaximumLookahead = 0x0001_0105,

    /// <summary>Longest packet without its Ethernet header.</summary>
    MaximumFrameSize = 0x0001_0106,

    /// <summary>Speed in 100 bit/s.</summary>
    LinkSpeed = 0x0001_0107,

    /// <summary>Bytes that can be on their way out.</summary>
    TransmitBufferSpace = 0x0001_0108,

    /// <summary>Bytes that can be on their way in.</summary>
    ReceiveBufferSpace = 0x0001_0109,

    /// <summary>Smallest piece of the transmit buffer.</summary>
    TransmitBlockSize = 0x0001_010A,

    /// <summary>Smallest piece of the receive buffer.</summary>
    ReceiveBlockSize = 0x0001_010B,

    /// <summary>Who made the adapter.</summary>
    VendorId = 0x0001_010C,

    /// <summary>The same in words.</summary>
    VendorDescription = 0x0001_010D,

    /// <summary>Which frames are wanted.</summary>
    CurrentPacketFilter = 0x0001_010E,

    /// <summary>Look-ahead in use.</summary>
    CurrentLookahead = 0x0001_010F,

    /// <summary>NDIS version of the driver.</summary>
    DriverVersion = 0x0001_0110,

    /// <summary>Longest packet with its Ethernet header.</summary>
    MaximumTotalSize = 0x0001_0111,

    /// <summary>Options of protocols; set only.</summary>
    ProtocolOptions = 0x0001_0112,

    /// <summary>Options of the adapter.</summary>
    MacOptions = 0x0001_0113,

    /// <summary>Whether there is somebody at the other end.</summary>
    MediaConnectStatus = 0x0001_0114,

    /// <summary>Packets in one send.</summary>
    MaximumSendPackets = 0x0001_0115,

    /// <summary>Version of the vendor's driver.</summary>
    VendorDriverVersion = 0x0001_0116,

    /// <summary>Network addresses; set only.</summary>
    NetworkLayerAddresses = 0x0001_0118,

    /// <summary>Room for headers in front; set only.</summary>
    TransportHeaderOffset = 0x0001_0119,

    /// <summary>Receive side scaling: what the adapter can do.</summary>
    ReceiveScaleCapabilities = 0x0001_0203,

    /// <summary>Receive side scaling: hash key and table.</summary>
    ReceiveScaleParameters = 0x0001_0204,

    /// <summary>Highest speed in bit/s.</summary>
    MaximumLinkSpeed = 0x0001_0206,

    /// <summary>Speed and state of the link.</summary>
    LinkState = 0x0001_0207,

    /// <summary>A name for people.</summary>
    FriendlyName = 0x0001_0216,

    /// <summary>A setting by name.</summary>
    ConfigurationParameter = 0x0001_021B,

    /// <summary>Frames sent.</summary>
    TransmitOk = 0x0002_0101,

    /// <summary>Frames received.</summary>
    ReceiveOk = 0x0002_0102,

    /// <summary>Frames that were not sent.</summary>
    TransmitError = 0x0002_0103,

    /// <summary>Frames that were not received.</summary>
    ReceiveError = 0x0002_0104,

    /// <summary>Frames lost for want of a buffer.</summary>
    ReceiveNoBuffer = 0x0002_0105,

    /// <summary>The address that the adapter was made with.</summary>
    PermanentAddress = 0x0101_0101,

    /// <summary>The address in use.</summary>
    CurrentAddress = 0x0101_0102,

    /// <summary>Groups to listen to.</summary>
    MulticastList = 0x0101_0103,

    /// <summary>Groups at most.</summary>
    MaximumListSize = 0x0101_0104,

    /// <summary>Encapsulation for offloads.</summary>
    OffloadEncapsulation = 0x0101_010A,

    /// <summary>Frames with alignment errors.</summary>
    ReceiveErrorAlignment = 0x0102_0101,

    /// <summary>Frames sent after one collision.</summary>
    TransmitOneCollision = 0x0102_0102,

    /// <summary>Frames sent after more.</summary>
    TransmitMoreCollisions = 0x0102_0103,

    /// <summary>Offloads in use.</summary>
    OffloadCurrentConfiguration = 0xFC01_020B,

    /// <summary>Offloads to use.</summary>
    OffloadParameters = 0xFC01_020C,

    /// <summary>Offloads that the adapter can do.</summary>
    OffloadHardwareCapabilities = 0xFC01_020D,
}
