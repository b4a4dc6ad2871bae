namespace VmBus.Client;

/// <summary>How an operation of a client ended. Nothing that a host does throws.</summary>
public enum ClientStatus
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>The host said no.</summary>
    Refused,

    /// <summary>The host did not answer in time. What the request was about is in an unknown state: memory that it named is not used again.</summary>
    TimedOut,

    /// <summary>The host has taken the channel away.</summary>
    Rescinded,

    /// <summary>The host's answer breaks the protocol.</summary>
    Violation,

    /// <summary>There is no connection, or the channel is not in a state for this: nothing was asked.</summary>
    BadState,

    /// <summary>The guest has no memory left.</summary>
    OutOfMemory,
}
