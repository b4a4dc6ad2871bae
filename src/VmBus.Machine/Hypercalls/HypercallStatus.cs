namespace VmBus.Machine.Hypercalls;

/// <summary>What a hypercall returns to the guest in bits 0 to 15 of RAX. Source: protocol-spec/synic.md#status.</summary>
public enum HypercallStatus : ushort
{
    /// <summary>Done.</summary>
    Success = 0,

    /// <summary>The call code, or the form it was made in, is not supported.</summary>
    InvalidHypercallCode = 2,

    /// <summary>A reserved bit of the hypercall input value is set.</summary>
    InvalidHypercallInput = 3,

    /// <summary>The input address is not 8-byte aligned, or the input crosses a page.</summary>
    InvalidAlignment = 4,

    /// <summary>A parameter is out of range, or the input is not in RAM.</summary>
    InvalidParameter = 5,

    /// <summary>No port is connected to this connection id.</summary>
    InvalidConnectionId = 18,

    /// <summary>The receiver's queue is full: try again.</summary>
    InsufficientBuffers = 19,
}
