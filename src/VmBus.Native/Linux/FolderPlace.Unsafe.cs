using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>
/// A folder that is held open, so that names mean entries of it whatever happens to the path that led there. Symbolic links are never followed.
/// Close-on-exec; calls return negative errno and never throw.
/// </summary>
/// <remarks>Source: openat2(2), mkdirat(2), linkat(2), renameat2(2), unlinkat(2).</remarks>
public sealed partial class FolderPlace : SafeHandleMinusOneIsInvalid
{
    private const int O_WRONLY = 1;
    private const int O_CREAT = 0x40;
    private const int O_EXCL = 0x80;
    private const int O_CLOEXEC = 0x80000;
    private const int O_PATH = 0x200000;
    private const int TemporaryFileBit = 0x400000;    // of O_TMPFILE, which has O_DIRECTORY in it
    private const int RESOLVE_NO_MAGICLINKS = 2;
    private const int RESOLVE_NO_SYMLINKS = 4;
    private const int RESOLVE_BENEATH = 8;
    private const int AT_FDCWD = -100;
    private const int AT_SYMLINK_FOLLOW = 0x400;
    private const uint RENAME_NOREPLACE = 1;

    // The same number on every architecture.
    private const long SYS_openat2 = 437;

    // Flags whose values differ between architectures.
    private static readonly int O_DIRECTORY = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : 0x10000;
    private static readonly int O_NOFOLLOW = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000 : 0x20000;


    // Without it a file ends at 2 GiB: openat2 does not add it as the C library's open does, whose headers call it 0.
    private static readonly int LargeFileBit = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x20000 : 0x8000;

    private FolderPlace(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>Opens a folder by a path of this process's own choice; links in it are followed.</summary>
    /// <returns>Null, with <paramref name="errno"/> set, when the kernel refuses.</returns>
    public static FolderPlace? TryOpen(string path, out int errno)
    {
        int descriptor = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        return descriptor < 0 ? null : new FolderPlace(descriptor);
    }

    /// <summary>Opens a folder below this one: a name, or names with slashes between them.</summary>
    /// <returns>Null, with <paramref name="errno"/> set: ELOOP where a link is on the way, EXDEV where the path leads out.</returns>
    public FolderPlace? TryEnter(string path, out int errno)
    {
        int descriptor = OpenBelow(path, O_PATH | O_DIRECTORY, 0);
        errno = descriptor < 0 ? -descriptor : 0;
        return descriptor < 0 ? null : new FolderPlace(descriptor);
    }

    /// <summary>Makes a folder in this one, with mode 0755 less the umask.</summary>
    /// <returns>0, or negative errno: EEXIST when anything of that name is there.</returns>
    public int MakeFolder(string name) => mkdirat(this, name, 0x1ed) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    /// <summary>Makes a file without a name, which is gone when it is closed before <see cref="Link"/>.</summary>
    /// <returns>Null, with <paramref name="errno"/> set: EOPNOTSUPP, EISDIR or ENOENT where the file system has none.</returns>
    public SafeFileHandle? TryMakeUnnamed(out int errno) => Wrap(OpenBelow(".", O_WRONLY | LargeFileBit | TemporaryFileBit | O_DIRECTORY, 0x180), out errno);

    /// <summary>Makes a file that was not there, for the owner alone.</summary>
    /// <returns>Null, with <paramref name="errno"/> set.</returns>
    public SafeFileHandle? TryMakeFile(string name, out int errno) => Wrap(OpenBelow(name, O_WRONLY | LargeFileBit | O_CREAT | O_EXCL | O_NOFOLLOW, 0x180), out errno);

    /// <summary>Gives an unnamed file a name here.</summary>
    /// <returns>0, or negative errno: EEXIST when anything of that name is there.</returns>
    public int Link(SafeFileHandle file, string name)
    {
        ArgumentNullException.ThrowIfNull(file);
        return linkat(AT_FDCWD, $"/proc/self/fd/{file.DangerousGetHandle()}", this, name, AT_SYMLINK_FOLLOW) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>Renames an entry of this folder within it. What has the new name, a link too, is replaced or in the way.</summary>
    /// <returns>0, or negative errno: EEXIST when it is in the way, EISDIR when it is a folder.</returns>
    public int Rename(string from, string to, bool replace)
        => renameat2(this, from, this, to, replace ? 0 : RENAME_NOREPLACE) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    /// <summary>Removes a file or link from this folder.</summary>
    /// <returns>0, or negative errno.</returns>
    public int Remove(string name) => unlinkat(this, name, 0) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    /// <summary>Whether an entry has this name, whatever it is.</summary>
    public bool Has(string name)
    {
        using SafeFileHandle? entry = Wrap(OpenBelow(name, O_PATH | O_NOFOLLOW, 0), out int errno);
        return entry is not null || errno == Linux.Errno.ELOOP;
    }

    /// <summary>Sets a file's mode, whatever the umask.</summary>
    /// <returns>0, or negative errno.</returns>
    public static int SetMode(SafeFileHandle file, int mode) => fchmod(file, mode) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    private static SafeFileHandle? Wrap(int descriptor, out int errno)
    {
        errno = descriptor < 0 ? -descriptor : 0;
        return descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    private unsafe int OpenBelow(string path, int flags, int mode)
    {
        var how = new OpenHow
        {
            flags = (uint)(flags | O_CLOEXEC),
            mode = (uint)mode,
            resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        while (true)
        {
            // SAFETY: the kernel reads one open_how structure, a local, of the size given.
            int descriptor = (int)syscall(SYS_openat2, this, path, (nint)(&how), sizeof(OpenHow));
            if (descriptor >= 0) return descriptor;
            int errno = Marshal.GetLastPInvokeError();
            // EAGAIN: something was renamed while the kernel looked whether the path stays below.
            if (errno is not Linux.Errno.EINTR and not Linux.Errno.EAGAIN) return -errno;
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial long syscall(long number, FolderPlace folder, string path, nint how, nint bytes);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkdirat(FolderPlace folder, string name, int mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int linkat(int fromFolder, string from, FolderPlace folder, string name, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int renameat2(FolderPlace fromFolder, string from, FolderPlace toFolder, string to, uint flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlinkat(FolderPlace folder, string name, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fchmod(SafeFileHandle file, int mode);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);

    // Source: linux/openat2.h.
    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong flags;
        public ulong mode;
        public ulong resolve;
    }
}
