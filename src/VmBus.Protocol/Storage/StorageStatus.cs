namespace VmBus.Protocol.Storage;

/// <summary>NTSTATUS values that storage answers use. Source: protocol-spec/storage.md#status-values.</summary>
public enum StorageStatus : uint
{
    /// <summary>Done.</summary>
    Success = 0,

    /// <summary>A device is busy; the command may be sent again.</summary>
    DeviceBusy = 0x80000011,

    /// <summary>A field has a value that cannot be served.</summary>
    InvalidParameter = 0xC000000D,

    /// <summary>The operation is not known, or not for this channel.</summary>
    InvalidDeviceRequest = 0xC0000010,

    /// <summary>The proposed version is not spoken.</summary>
    RevisionMismatch = 0xC0000059,

    /// <summary>No logical unit has the address.</summary>
    DeviceDoesNotExist = 0xC00000C0,

    /// <summary>The command was ended by a reset.</summary>
    Cancelled = 0xC0000120,

    /// <summary>The operation does not fit the state of the handshake.</summary>
    InvalidDeviceState = 0xC0000184,

    /// <summary>The command failed; sense data or the SCSI status says how.</summary>
    IoDeviceError = 0xC0000185,
}
