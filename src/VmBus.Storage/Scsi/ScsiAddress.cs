namespace VmBus.Storage.Scsi;

/// <summary>Where a logical unit answers: bus (path), target and logical unit number.</summary>
public readonly record struct ScsiAddress(byte Path, byte Target, byte Lun);
