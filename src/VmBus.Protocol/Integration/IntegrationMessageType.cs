namespace VmBus.Protocol.Integration;

/// <summary>What an integration message is about: the version talk, or the one service of its channel. Source: protocol-spec/integration.md#message-types.</summary>
public enum IntegrationMessageType : ushort
{
    /// <summary>Which versions to use.</summary>
    Negotiate = 0,

    /// <summary>Is the guest alive?</summary>
    Heartbeat = 1,

    /// <summary>Key-value pairs and network addresses.</summary>
    KeyValueExchange = 2,

    /// <summary>Power off, reboot, hibernate.</summary>
    Shutdown = 3,

    /// <summary>The time of day.</summary>
    TimeSync = 4,

    /// <summary>File systems at rest for a backup.</summary>
    Backup = 5,

    /// <summary>Remote desktop.</summary>
    RemoteDesktop = 6,

    /// <summary>Files into the guest.</summary>
    FileCopy = 7,

    /// <summary>Sessions.</summary>
    Session = 8,
}
