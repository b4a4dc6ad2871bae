namespace VmBus.Protocol.Channel;

/// <summary>The numbers of the messages a guest sends. Source: protocol-spec/channel-messages.md#messages.</summary>
public enum ServerBoundType : uint
{
    /// <summary>Asks for all offers.</summary>
    RequestOffers = 3,

    /// <summary>Opens a channel over a ring GPADL.</summary>
    OpenChannel = 5,

    /// <summary>Closes a channel; there is no answer.</summary>
    CloseChannel = 7,

    /// <summary>Begins to describe guest memory.</summary>
    GpadlHeader = 8,

    /// <summary>Goes on describing it.</summary>
    GpadlBody = 9,

    /// <summary>Takes described memory back.</summary>
    GpadlTeardown = 11,

    /// <summary>Gives a channel id back.</summary>
    RelIdReleased = 13,

    /// <summary>Proposes a version; resets whatever was before.</summary>
    InitiateContact = 14,

    /// <summary>Ends the connection.</summary>
    Unload = 16,

    /// <summary>Opens a channel that sends no interrupts.</summary>
    OpenReservedChannel = 18,

    /// <summary>Closes it, with an answer.</summary>
    CloseReservedChannel = 19,

    /// <summary>Asks for a socket connection to a service of the host.</summary>
    TlConnectRequest = 21,

    /// <summary>Moves a channel's interrupts to another processor.</summary>
    ModifyChannel = 22,

    /// <summary>Replaces the monitor pages.</summary>
    ModifyConnection = 25,

    /// <summary>Asks the host to hold its messages.</summary>
    Pause = 27,

    /// <summary>Lets them come again.</summary>
    Resume = 29,
}
