using VmBus.Native.Linux;

namespace VmBus.GuestTools.Backup;

/// <summary>A file system by its mount point.</summary>
internal sealed class OpenFileSystem : IFreezable
{
    private readonly MountPoint _place;

    private OpenFileSystem(MountPoint place) => _place = place;

    /// <summary>Opens it, and makes sure that no other lies over it.</summary>
    /// <returns>Null, and why.</returns>
    public static OpenFileSystem? TryOpen(MountedFileSystem system, out string why)
    {
        MountPoint? place = MountPoint.TryOpen(system.MountPoint, out int errno);
        why = place is null ? LinuxException.DescribeError(errno) : "";
        if (place is null) return null;
        int result = place.TryReadDevice(out uint major, out uint minor);
        // Subvolumes of btrfs have device numbers of their own.
        if (result == 0 && ((major, minor) == system.Device || system.Kind == "btrfs")) return new OpenFileSystem(place);
        place.Dispose();
        why = result < 0 ? LinuxException.DescribeError(-result) : "something else is mounted over it";
        return null;
    }

    /// <inheritdoc/>
    public int Freeze() => _place.Freeze();

    /// <inheritdoc/>
    public int Thaw() => _place.Thaw();

    /// <summary>Writes out what is not on disk yet.</summary>
    public int WriteOut() => _place.Sync();

    /// <inheritdoc/>
    public void Dispose() => _place.Dispose();
}
