namespace VmBus.Protocol.Exec;

/// <summary>Why a command was not started or is given up. Any value may arrive. Source: protocol-spec/exec.md#errors.</summary>
public enum ExecErrorCode : ushort
{
    /// <summary>The host said what makes no sense, or not in time.</summary>
    BadFrame = 1,

    /// <summary>The request is of a version that the guest does not speak.</summary>
    Version = 2,

    /// <summary>As many commands run as may.</summary>
    Busy = 3,

    /// <summary>There is no such program.</summary>
    NotFound = 4,

    /// <summary>The program is there and cannot be run.</summary>
    NotExecutable = 5,

    /// <summary>There is no such user, or the service cannot become that user.</summary>
    NoUser = 6,

    /// <summary>There is no such folder.</summary>
    NoFolder = 7,

    /// <summary>The guest could not start it for another reason.</summary>
    Failed = 8,
}
