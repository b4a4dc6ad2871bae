namespace VmBus.Management.Messages;

/// <summary>Why something was not done. Peers may send numbers that are not here. Source: protocol-spec/control.md#errors.</summary>
public enum ControlErrorCode
{
    /// <summary>The bytes are no message; the connection ends.</summary>
    BadMessage = 1,

    /// <summary>There is no version that both sides speak; the connection ends.</summary>
    Version = 2,

    /// <summary>The peer may not use this socket; the connection ends.</summary>
    Denied = 3,

    /// <summary>There are too many connections; this one ends.</summary>
    Busy = 4,

    /// <summary>A message was not whole in time; the connection ends.</summary>
    TimedOut = 5,

    /// <summary>There is no such verb.</summary>
    UnknownVerb = 6,

    /// <summary>The parameters are not what the verb takes.</summary>
    BadParameters = 7,

    /// <summary>It could not be done; the text says what to do.</summary>
    Failed = 8,

    /// <summary>The partition has ended.</summary>
    Ended = 9,

    /// <summary>A bug of the server.</summary>
    Internal = 10,
}
