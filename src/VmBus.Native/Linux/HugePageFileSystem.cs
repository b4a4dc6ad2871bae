using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>A tmpfs that is mounted nowhere, gives huge pages to mappings that ask for them, and ends with its only file.</summary>
/// <remarks>Source: fsopen(2), fsconfig(2), fsmount(2) (Linux 5.2), tmpfs(5).</remarks>
internal static partial class HugePageFileSystem
{
    private const long SYS_fsopen = 430;
    private const long SYS_fsconfig = 431;
    private const long SYS_fsmount = 432;
    private const nint FSOPEN_CLOEXEC = 1;
    private const nint FSCONFIG_SET_STRING = 1;
    private const nint FSCONFIG_CMD_CREATE = 6;
    private const nint FSMOUNT_CLOEXEC = 1;
    private const nint MOUNT_ATTR_NOSUID = 2;
    private const nint MOUNT_ATTR_NODEV = 4;
    private const nint MOUNT_ATTR_NOEXEC = 8;
    private const int O_RDWR = 2;
    private const int O_CLOEXEC = 0x8_0000;
    private const int O_TMPFILE = 0x41_0000;
    private const int OwnerOnly = 0x180;

    /// <summary>Makes an empty file without a name that can grow to <paramref name="bytes"/>.</summary>
    /// <returns>Its descriptor, or -1 where this process may not mount or the kernel has no huge pages for tmpfs.</returns>
    internal static int TryCreateFile(long bytes)
    {
        using var context = new SafeFileHandle((nint)fsopen(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), ownsHandle: true);
        if (context.IsInvalid
            || fsconfig(SYS_fsconfig, context, FSCONFIG_SET_STRING, "huge", "advise", 0) < 0
            || fsconfig(SYS_fsconfig, context, FSCONFIG_SET_STRING, "size", bytes.ToString(CultureInfo.InvariantCulture), 0) < 0
            || fsconfig(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0) < 0)
        {
            return -1;
        }

        const nint attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
        using var mount = new SafeFileHandle((nint)fsmount(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes), ownsHandle: true);
        return mount.IsInvalid ? -1 : openat(mount, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, OwnerOnly);
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial long fsopen(long number, string name, nint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial long fsconfig(long number, SafeFileHandle context, nint command, string? key, string? value, nint auxiliary);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long fsmount(long number, SafeFileHandle context, nint flags, nint attributes);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int openat(SafeFileHandle folder, string path, int flags, int mode);
}
