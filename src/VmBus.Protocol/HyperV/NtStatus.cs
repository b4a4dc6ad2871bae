namespace VmBus.Protocol.HyperV;

/// <summary>The status codes that channel messages carry; guests only compare with zero. Source: protocol-spec/channel-messages.md#status.</summary>
public enum NtStatus : uint
{
    /// <summary>Done.</summary>
    Success = 0,

    /// <summary>The request was malformed, or makes no sense now.</summary>
    InvalidParameter = 0xC000_000D,

    /// <summary>A quota of the host is used up.</summary>
    InsufficientResources = 0xC000_009A,

    /// <summary>Nobody listens on the service that a socket connect named.</summary>
    ConnectionRefused = 0xC000_0236,

    /// <summary>The host or the device refused (E_UNEXPECTED, what Hyper-V gives for a failed open).</summary>
    Unexpected = 0x8000_FFFF,
}
