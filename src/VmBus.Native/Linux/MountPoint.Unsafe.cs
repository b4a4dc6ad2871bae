using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>An open mount point, by which its file system is brought to rest. Close-on-exec; calls return negative errno and never throw.</summary>
/// <remarks>A frozen file system stays so when the descriptor is closed. Source: linux/fs.h, ioctl_fsfreeze (FIFREEZE, FITHAW); syncfs(2); statx(2).</remarks>
public sealed partial class MountPoint : SafeHandleMinusOneIsInvalid
{
    private const int O_FLAGS = 0x80000 | 0x800;    // O_CLOEXEC, O_NONBLOCK
    private const nuint FIFREEZE = 0xc0045877;
    private const nuint FITHAW = 0xc0045878;
    private const int AT_EMPTY_PATH = 0x1000;
    private const int StatxBytes = 256;
    private const int StatxDeviceOffset = 0x88;    // stx_dev_major, stx_dev_minor

    private MountPoint(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>Opens the folder or file at which something is mounted.</summary>
    /// <returns>Null, with <paramref name="errno"/> set, when the kernel refuses.</returns>
    public static MountPoint? TryOpen(string path, out int errno)
    {
        int descriptor = open(path, O_FLAGS, 0);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        return descriptor < 0 ? null : new MountPoint(descriptor);
    }

    /// <summary>The device of the file system that was opened, which is another than that in the mount table when a mount lies over it.</summary>
    /// <returns>0, or negative errno.</returns>
    public unsafe int TryReadDevice(out uint major, out uint minor)
    {
        byte* status = stackalloc byte[StatxBytes];
        // SAFETY: the kernel writes one statx structure of 256 bytes to the local array.
        int result = statx(this, string.Empty, AT_EMPTY_PATH, 0, (nint)status) < 0 ? -Marshal.GetLastPInvokeError() : 0;
        (major, minor) = result < 0 ? (0, 0) : (*(uint*)(status + StatxDeviceOffset), *(uint*)(status + StatxDeviceOffset + sizeof(uint)));
        return result;
    }

    /// <summary>Writes out what is not on disk yet and holds back all writers until <see cref="Thaw"/>.</summary>
    /// <returns>0, or negative errno: EBUSY when it is frozen already, EOPNOTSUPP when the file system cannot.</returns>
    public int Freeze() => ioctl(this, FIFREEZE, 0) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    /// <summary>Lets writers go on.</summary>
    /// <returns>0, or negative errno: EINVAL when it is not frozen.</returns>
    public int Thaw() => ioctl(this, FITHAW, 0) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    /// <summary>Writes out what is not on disk yet.</summary>
    /// <returns>0, or negative errno.</returns>
    public int Sync() => syncfs(this) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(MountPoint file, nuint request, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int syncfs(MountPoint file);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(MountPoint directory, string path, int flags, uint mask, nint status);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
