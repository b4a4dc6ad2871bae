namespace VmBus.GuestTools.Backup;

/// <summary>A mounted file system that is brought to rest for a backup.</summary>
/// <param name="Device">Major and minor number of its device, as the mount table has them.</param>
/// <param name="MountPoint">Where it is mounted; the first place, when there are more.</param>
/// <param name="Kind">Such as <c>ext4</c>.</param>
/// <param name="Source">Such as <c>/dev/sda1</c>.</param>
internal sealed record MountedFileSystem((uint Major, uint Minor) Device, string MountPoint, string Kind, string Source)
{
    private const uint LoopMajor = 7;

    /// <summary>Whether it lies in a file of another file system.</summary>
    public bool IsLoop => Device.Major == LoopMajor || Source.StartsWith("/dev/loop", StringComparison.Ordinal);
}
