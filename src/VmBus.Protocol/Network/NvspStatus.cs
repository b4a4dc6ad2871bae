namespace VmBus.Protocol.Network;

/// <summary>Outcomes in answers. Source: protocol-spec/network.md#status-values.</summary>
public enum NvspStatus : uint
{
    /// <summary>Never sent.</summary>
    None = 0,

    /// <summary>Done.</summary>
    Success = 1,

    /// <summary>Not done.</summary>
    Failure = 2,

    /// <summary>The version is above what the host speaks.</summary>
    VersionTooNew = 3,

    /// <summary>The version is below what the host speaks.</summary>
    VersionTooOld = 4,

    /// <summary>A malformed RNDIS message.</summary>
    InvalidRndisPacket = 5,

    /// <summary>Later.</summary>
    Busy = 6,

    /// <summary>Not a message of the version agreed on.</summary>
    ProtocolUnsupported = 7,
}
