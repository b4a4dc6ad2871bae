namespace VmBus.Protocol.Storage;

/// <summary>Outcome of a request block: a code in the low six bits and two flags. Source: protocol-spec/storage.md#request-outcomes.</summary>
/// <remarks>
/// With SCSI status GOOD, Linux takes every code but <see cref="Success"/>, <see cref="Aborted"/>, <see cref="Error"/>,
/// <see cref="InvalidRequest"/> and <see cref="InvalidLun"/> for a success that moved nothing, and sends the command again, for ever.
/// </remarks>
public enum SrbStatus : byte
{
    /// <summary>In requests.</summary>
    Pending = 0x00,

    /// <summary>Done. Only this exact value, without flags, counts as success.</summary>
    Success = 0x01,

    /// <summary>Ended by a reset.</summary>
    Aborted = 0x02,

    /// <summary>Failed; the SCSI status says how.</summary>
    Error = 0x04,

    /// <summary>The unit cannot take the command now. Goes with SCSI status BUSY or TASK SET FULL only.</summary>
    Busy = 0x05,

    /// <summary>The request block itself is wrong.</summary>
    InvalidRequest = 0x06,

    /// <summary>No logical unit has the address. Linux removes the unit from its list when it sees this.</summary>
    InvalidLun = 0x20,

    /// <summary>Flag: sense data is in the answer. Goes with SCSI status CHECK CONDITION only.</summary>
    AutosenseValid = 0x80,
}
