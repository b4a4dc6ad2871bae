using VmBus.Storage.Disks;
using VmBus.Storage.Scsi;

namespace VmBus.Host.Joins;

/// <summary>One disk of the controller from the reservation of its address to its close. The controller's lock guards it.</summary>
internal sealed class AttachedDisk(string id, byte lun, DiskOptions options)
{
    /// <summary>Its name in the partition.</summary>
    public string Id { get; } = id;

    /// <summary>Where it answers.</summary>
    public ScsiAddress Address { get; } = new(0, 0, lun);

    /// <summary>What it was opened with, the format resolved.</summary>
    public DiskOptions Options { get; } = options;

    /// <summary>Where it stands.</summary>
    public DiskState State { get; set; } = DiskState.Opening;

    /// <summary>The medium, once it is open.</summary>
    public IDisk? Disk { get; set; }

    /// <summary>Held while the medium is resized or closed, so that these do not meet.</summary>
    public Lock Changing { get; } = new();

    /// <summary>Ends with the removal.</summary>
    public TaskCompletionSource Removed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How it stands, for people.</summary>
    public DiskInfo Describe() => new(
        Id, Address.Lun, Options.Name, Options.Format, Disk?.Traits.ReadOnly ?? Options.ReadOnly, State, Disk?.Geometry.Bytes ?? 0);
}
