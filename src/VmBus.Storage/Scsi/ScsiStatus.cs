namespace VmBus.Storage.Scsi;

/// <summary>SCSI status byte. Source: SAM-5, 5.3.1.</summary>
public enum ScsiStatus : byte
{
    /// <summary>Done.</summary>
    Good = 0x00,

    /// <summary>Failed; sense data says why.</summary>
    CheckCondition = 0x02,

    /// <summary>Try again later.</summary>
    Busy = 0x08,

    /// <summary>Another initiator holds a reservation.</summary>
    ReservationConflict = 0x18,

    /// <summary>Too many commands at once.</summary>
    TaskSetFull = 0x28,

    /// <summary>The command was cancelled by a reset.</summary>
    TaskAborted = 0x40,
}
