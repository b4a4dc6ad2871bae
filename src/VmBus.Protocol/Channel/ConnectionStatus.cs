namespace VmBus.Protocol.Channel;

/// <summary>How making or changing a connection went; one byte in VERSION_RESPONSE and MODIFY_CONNECTION_RESPONSE.</summary>
public enum ConnectionStatus : byte
{
    /// <summary>Done.</summary>
    Successful = 0,

    /// <summary>The host is out of something.</summary>
    LowResources = 1,

    /// <summary>Anything else, such as one monitor page without the other.</summary>
    UnknownFailure = 2,
}
