using VmBus.Storage.Disks;

namespace VmBus.Host;

/// <summary>Where a disk of a partition stands.</summary>
public enum DiskState
{
    /// <summary>Being opened; the guest does not see it yet.</summary>
    Opening,

    /// <summary>The guest has it.</summary>
    Attached,

    /// <summary>Taken from the guest; closed as soon as the commands it had running have ended.</summary>
    Removing,
}

/// <summary>By which devices a guest reaches a disk.</summary>
public enum DiskBus
{
    /// <summary>A logical unit of the synthetic SCSI controller.</summary>
    Vmbus,

    /// <summary>A virtio block device.</summary>
    Virtio,
}

/// <summary>A disk of a partition as a person sees it.</summary>
/// <param name="Id">Its name in the partition: the one given, or <c>lunN</c> or <c>virtioN</c>.</param>
/// <param name="Lun">Its number on its bus: the logical unit number on the controller, 0 to 63, or the virtio device's.</param>
/// <param name="Path">The image or block device.</param>
/// <param name="Format">Its format; not <see cref="DiskFormat.Automatic"/>.</param>
/// <param name="ReadOnly">Whether the guest's writes are refused.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Bytes">Its size as the guest is told it; 0 while it is being opened.</param>
public sealed record DiskInfo(string Id, int Lun, string Path, DiskFormat Format, bool ReadOnly, DiskState State, long Bytes)
{
    /// <summary>What the guest reaches it by.</summary>
    public DiskBus Bus { get; init; }
}
