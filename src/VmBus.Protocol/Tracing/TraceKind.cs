namespace VmBus.Protocol.Tracing;

/// <summary>What a record of a trace is. Source: protocol-spec/trace.md#kinds.</summary>
public enum TraceKind : byte
{
    /// <summary>A channel message, as it was posted.</summary>
    Message = 1,

    /// <summary>A packet of a ring, without its trailer.</summary>
    Packet = 2,

    /// <summary>A channel that was there when the trace began.</summary>
    Channel = 3,

    /// <summary>One side has signalled the other.</summary>
    Signal = 4,

    /// <summary>The control words of a channel's rings.</summary>
    Rings = 5,
}

/// <summary>Who has said it. Source: protocol-spec/trace.md#directions.</summary>
public enum TraceDirection : byte
{
    /// <summary>Nobody: it is a note of the trace's own.</summary>
    None = 0,

    /// <summary>The guest.</summary>
    FromGuest = 1,

    /// <summary>The host.</summary>
    FromHost = 2,
}

/// <summary>When the control words of a channel's rings were noted. Source: protocol-spec/trace.md#moments.</summary>
public enum RingMoment : uint
{
    /// <summary>At the open, before the host has written to them.</summary>
    Opened = 1,

    /// <summary>The host has taken everything and waits for a signal.</summary>
    Idle = 2,

    /// <summary>The host waits for space in the ring to the guest.</summary>
    WaitingForSpace = 3,

    /// <summary>The device has stopped.</summary>
    Closed = 4,

    /// <summary>The guest has broken a rule: nothing more is read or written.</summary>
    Failed = 5,
}
