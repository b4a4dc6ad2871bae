namespace VmBus.Bus;

/// <summary>What the guest's POST_MESSAGE hypercall is answered.</summary>
public enum PostStatus
{
    /// <summary>Taken.</summary>
    Accepted,

    /// <summary>The queue is full: the guest tries again later (HV_STATUS_INSUFFICIENT_BUFFERS).</summary>
    InsufficientBuffers,

    /// <summary>No message port has this connection id (HV_STATUS_INVALID_CONNECTION_ID).</summary>
    InvalidConnectionId,
}
