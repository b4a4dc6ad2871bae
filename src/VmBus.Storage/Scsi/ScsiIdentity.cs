namespace VmBus.Storage.Scsi;

/// <summary>How a disk appears on a SCSI bus.</summary>
/// <param name="Kind">Direct access, or a CD/DVD drive.</param>
/// <param name="Serial">ASCII serial number, at most 32 characters; empty for none.</param>
/// <param name="Identity">Source of the NAA designator: stable over reboots and unique.</param>
public sealed record ScsiIdentity(ScsiUnitKind Kind, string Serial, Guid Identity);

/// <summary>Kind of logical unit.</summary>
public enum ScsiUnitKind
{
    /// <summary>Block device.</summary>
    Disk,

    /// <summary>CD/DVD drive.</summary>
    Dvd,
}
