namespace VmBus.Protocol.Channel;

/// <summary>The numbers of the messages a host sends. Source: protocol-spec/channel-messages.md#messages.</summary>
public enum ClientBoundType : uint
{
    /// <summary>Here is a device.</summary>
    OfferChannel = 1,

    /// <summary>The device is gone.</summary>
    RescindChannelOffer = 2,

    /// <summary>No more offers for now.</summary>
    AllOffersDelivered = 4,

    /// <summary>Answers <see cref="ServerBoundType.OpenChannel"/>.</summary>
    OpenChannelResult = 6,

    /// <summary>Answers <see cref="ServerBoundType.GpadlHeader"/> once all bodies are there.</summary>
    GpadlCreated = 10,

    /// <summary>Answers <see cref="ServerBoundType.GpadlTeardown"/>: the memory is the guest's again.</summary>
    GpadlTorndown = 12,

    /// <summary>Answers <see cref="ServerBoundType.InitiateContact"/>.</summary>
    VersionResponse = 15,

    /// <summary>Answers <see cref="ServerBoundType.Unload"/>.</summary>
    UnloadResponse = 17,

    /// <summary>Answers <see cref="ServerBoundType.CloseReservedChannel"/>.</summary>
    CloseReservedChannelResponse = 20,

    /// <summary>A socket connection was refused.</summary>
    TlConnectResult = 23,

    /// <summary>Answers <see cref="ServerBoundType.ModifyChannel"/>: no more interrupts on the old processor.</summary>
    ModifyChannelResponse = 24,

    /// <summary>Answers <see cref="ServerBoundType.ModifyConnection"/>.</summary>
    ModifyConnectionResponse = 26,

    /// <summary>Answers <see cref="ServerBoundType.Pause"/>: the last message until resumed.</summary>
    PauseResponse = 28,
}
