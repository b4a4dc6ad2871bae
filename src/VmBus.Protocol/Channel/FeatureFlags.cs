namespace VmBus.Protocol.Channel;

/// <summary>What guest and host agree on from version 6.0: the guest asks, the host answers with what it grants.</summary>
/// <remarks>Source: protocol-spec/channel.md#features.</remarks>
[Flags]
public enum FeatureFlags : uint
{
    /// <summary>Nothing beyond 5.3.</summary>
    None = 0,

    /// <summary>OPEN_CHANNEL carries the connection id and the event flag that the guest chose.</summary>
    GuestSpecifiedSignalParameters = 0x01,

    /// <summary>Interrupts can be redirected to a paravisor.</summary>
    ChannelInterruptRedirection = 0x02,

    /// <summary>MODIFY_CONNECTION is understood.</summary>
    ModifyConnection = 0x04,

    /// <summary>INITIATE_CONTACT carries an id of the client.</summary>
    ClientId = 0x08,

    /// <summary>Rings and buffers in memory that the host cannot see.</summary>
    ConfidentialChannels = 0x10,

    /// <summary>PAUSE and RESUME are understood.</summary>
    PauseResume = 0x20,

    /// <summary>The host allocates the monitor pages.</summary>
    ServerSpecifiedMonitorPages = 0x40,

    /// <summary>Guest memory can be pinned.</summary>
    GpaPinning = 0x80,

    /// <summary>
    /// What a channel server grants: only what it really does. Redirection, confidential channels and pinning belong to a paravisor, and
    /// monitored notification is not offered.
    /// </summary>
    Served = GuestSpecifiedSignalParameters | ModifyConnection | ClientId | PauseResume,
}
