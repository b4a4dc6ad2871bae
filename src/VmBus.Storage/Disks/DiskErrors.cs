using VmBus.Native.Linux;

namespace VmBus.Storage.Disks;

/// <summary>Sentences for what opening an image can meet.</summary>
internal static class DiskErrors
{
    internal static DiskException Opening(string path, int errno, bool readOnly) => errno switch
    {
        Errno.ENOENT or Errno.ENOTDIR => new(DiskProblem.NotFound, $"Disk '{path}' does not exist."),
        Errno.EACCES or Errno.EPERM => new(
            DiskProblem.NoPermission,
            $"Disk '{path}' may not be {(readOnly ? "read" : "written")} by this user; change its permissions{(readOnly ? "" : ", or add ,readonly")}."),
        Errno.EROFS => new(DiskProblem.NoPermission, $"Disk '{path}' lies on a read-only file system; add ,readonly."),
        Errno.EISDIR => new(DiskProblem.NotADisk, $"Disk '{path}' is a directory; name an image file or a block device."),
        Errno.EBUSY => new(DiskProblem.Locked, $"Disk '{path}' is in use by the host (mounted, or part of another device); release it first."),
        Errno.ENXIO or Errno.ENODEV => new(DiskProblem.NotADisk, $"Disk '{path}' has no device behind it."),
        _ => new(DiskProblem.Host, $"Disk '{path}' cannot be opened: {LinuxException.DescribeError(errno)}."),
    };
}
