namespace VmBus.Client.Transports;

/// <summary>What became of a message that was posted.</summary>
public enum PostResult
{
    /// <summary>The host has it.</summary>
    Accepted,

    /// <summary>The host has no room for it now: it is to be posted again (HV_STATUS_INSUFFICIENT_BUFFERS).</summary>
    Busy,

    /// <summary>The host does not take it on this connection, or there is no host any more.</summary>
    Refused,
}
