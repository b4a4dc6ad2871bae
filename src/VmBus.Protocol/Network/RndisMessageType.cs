namespace VmBus.Protocol.Network;

/// <summary>RNDIS messages; any other number may arrive. Source: protocol-spec/rndis.md#rndis-messages.</summary>
public enum RndisMessageType : uint
{
    /// <summary>Nothing; never sent.</summary>
    None = 0,

    /// <summary>Both: a frame.</summary>
    Packet = 1,

    /// <summary>Guest: begins.</summary>
    Initialize = 2,

    /// <summary>Guest: ends; has no answer.</summary>
    Halt = 3,

    /// <summary>Guest: asks for an object's value.</summary>
    Query = 4,

    /// <summary>Guest: sets an object.</summary>
    Set = 5,

    /// <summary>Guest: begins anew.</summary>
    Reset = 6,

    /// <summary>Host: something has happened.</summary>
    Indicate = 7,

    /// <summary>Both: asks for a sign of life.</summary>
    KeepAlive = 8,

    /// <summary>Answer to <see cref="Initialize"/>.</summary>
    InitializeComplete = 0x8000_0002,

    /// <summary>Answer to <see cref="Query"/>.</summary>
    QueryComplete = 0x8000_0004,

    /// <summary>Answer to <see cref="Set"/>.</summary>
    SetComplete = 0x8000_0005,

    /// <summary>Answer to <see cref="Reset"/>.</summary>
    ResetComplete = 0x8000_0006,

    /// <summary>Answer to <see cref="KeepAlive"/>.</summary>
    KeepAliveComplete = 0x8000_0008,
}

/// <summary>NDIS status codes. Source: protocol-spec/rndis.md#rndis-status-values.</summary>
public enum RndisStatus : uint
{
    /// <summary>Done.</summary>
    Success = 0,

    /// <summary>Indication: there is somebody at the other end.</summary>
    MediaConnect = 0x4001_000B,

    /// <summary>Indication: there is nobody at the other end.</summary>
    MediaDisconnect = 0x4001_000C,

    /// <summary>Indication: the link has another speed.</summary>
    LinkSpeedChange = 0x4001_0013,

    /// <summary>Indication: the link leads to another network.</summary>
    NetworkChange = 0x4001_0018,

    /// <summary>Indication: the offloads in use have changed.</summary>
    TaskOffloadCurrentConfiguration = 0x4002_0006,

    /// <summary>Not done.</summary>
    Failure = 0xC000_0001,

    /// <summary>No such object, or not with this request.</summary>
    NotSupported = 0xC000_00BB,

    /// <summary>The value is too short.</summary>
    InvalidLength = 0xC001_0014,

    /// <summary>The value makes no sense.</summary>
    InvalidData = 0xC001_0015,

    /// <summary>The answer does not fit.</summary>
    BufferTooShort = 0xC001_0016,
}
