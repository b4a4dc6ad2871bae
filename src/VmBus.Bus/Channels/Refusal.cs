namespace VmBus.Bus.Channels;

/// <summary>Why a message of the guest had no effect. Counted; the guest can cause any of them at will.</summary>
public enum Refusal
{
    /// <summary>Shorter than its kind asks, or longer than messages are.</summary>
    BadLength,

    /// <summary>No message has this number.</summary>
    UnknownNumber,

    /// <summary>Only the host may send it.</summary>
    HostOnly,

    /// <summary>The version or features agreed on do not have it.</summary>
    NotNegotiated,

    /// <summary>There is no connection, or it is being ended.</summary>
    NotConnected,

    /// <summary>The guest has asked for messages to be held.</summary>
    Paused,

    /// <summary>The guest has no such channel.</summary>
    UnknownChannel,

    /// <summary>The channel or the connection is not in a state for it.</summary>
    BadState,

    /// <summary>No GPADL of that channel has this id.</summary>
    UnknownGpadl,

    /// <summary>The description of guest memory is not well-formed, or names pages that are not RAM.</summary>
    BadGpadl,

    /// <summary>The rings that the open describes cannot be.</summary>
    BadRing,

    /// <summary>A limit on what one guest may hold.</summary>
    Quota,
}
