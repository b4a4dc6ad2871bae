using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>How <see cref="LinuxFile.TryOpen"/> opens a path. Values are the kernel's.</summary>
[Flags]
public enum LinuxOpen
{
    /// <summary>Only reads.</summary>
    Read = 0,

    /// <summary>Reads and writes.</summary>
    ReadWrite = 2,

    /// <summary>Only writes, and always at the end, wherever that is by then.</summary>
    Append = 0x401,

    /// <summary>Does not wait for a FIFO's other end, nor for a device.</summary>
    NonBlocking = 0x800,

    /// <summary>Only holds the place in the file system: nothing can be read or written (O_PATH).</summary>
    Place = 0x200000,
}

/// <summary>An open file, block device or other descriptor. Close-on-exec. I/O returns negative errno and never throws.</summary>
/// <remarks>Any thread may use it; interrupted calls are repeated. Source: open(2), preadv2(2), fallocate(2), fdatasync(2), ftruncate(2).</remarks>
public sealed partial class LinuxFile : SafeHandleMinusOneIsInvalid
{
    /// <summary>RWF_DSYNC: the write ends only when its data is on stable storage.</summary>
    public const int DataSync = 2;

    /// <summary>RWF_NOWAIT: EAGAIN instead of waiting for a device or a lock.</summary>
    public const int NoWait = 8;

    /// <summary>FALLOC_FL_KEEP_SIZE: the file's size stays.</summary>
    public const int KeepSize = 1;

    /// <summary>FALLOC_FL_PUNCH_HOLE: frees the range, which then reads as zeroes. Needs <see cref="KeepSize"/>.</summary>
    public const int PunchHole = 2;

    /// <summary>FALLOC_FL_ZERO_RANGE: the range reads as zeroes and keeps its space.</summary>
    public const int ZeroRange = 16;

    /// <summary>Most iovecs that one call takes (UIO_MAXIOV).</summary>
    public const int MaximumVectors = 1024;

    private const int O_CLOEXEC = 0x80000;
    private const int F_SETFD = 2;
    private const int F_GETFL = 3;
    private const int F_SETFL = 4;
    private const int F_DUPFD_CLOEXEC = 1030;

    // The one flag here whose value differs between architectures.
    private static readonly int O_DIRECT = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;

    /// <summary>Takes over <paramref name="descriptor"/>.</summary>
    public LinuxFile(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>The file descriptor, for kernel structures that store the number. Valid while this handle is open.</summary>
    public int Descriptor => (int)handle;

    /// <summary>Opens a path that exists.</summary>
    /// <returns>Null, with <paramref name="errno"/> set, when the kernel refuses.</returns>
    public static LinuxFile? TryOpen(string path, LinuxOpen mode, out int errno)
    {
        int descriptor;
        do
        {
            descriptor = open(path, (int)mode | O_CLOEXEC, 0);
            errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
        while (errno == Linux.Errno.EINTR);
        return descriptor < 0 ? null : new LinuxFile(descriptor);
    }

    /// <summary>Bypasses the page cache from now on (O_DIRECT).</summary>
    /// <returns>0, or negative errno: EINVAL where the file system has no direct I/O.</returns>
    public int EnableDirect()
    {
        int flags = fcntl(this, F_GETFL, 0);
        return flags < 0 || fcntl(this, F_SETFL, flags | O_DIRECT) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>Undoes <see cref="LinuxOpen.NonBlocking"/>: io_uring would answer EAGAIN where it otherwise waits.</summary>
    /// <returns>0, or negative errno.</returns>
    public int EnableBlocking()
    {
        int flags = fcntl(this, F_GETFL, 0);
        return flags < 0 || fcntl(this, F_SETFL, flags & ~(int)LinuxOpen.NonBlocking) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>Leaves it open in the program that this process becomes.</summary>
    /// <returns>0, or negative errno.</returns>
    public int KeepForNextProgram() => fcntl(this, F_SETFD, 0) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    /// <summary>Another descriptor of the same open file, which has its position and locks in common with this one.</summary>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public LinuxFile Duplicate()
    {
        int copy = fcntl(this, F_DUPFD_CLOEXEC, 0);
        return copy >= 0 ? new LinuxFile(copy) : throw new LinuxException("Copying a descriptor failed", Marshal.GetLastPInvokeError());
    }

    /// <summary>The same of any descriptor, with the lowest free number that is not below <paramref name="least"/>.</summary>
    /// <returns>Null, with <paramref name="errno"/> set, when the process has no descriptor left.</returns>
    internal static LinuxFile? TryDuplicateFrom(SafeHandle file, int least, out int errno)
    {
        int copy = fcntl(file, F_DUPFD_CLOEXEC, least);
        errno = copy < 0 ? Marshal.GetLastPInvokeError() : 0;
        return copy < 0 ? null : new LinuxFile(copy);
    }

    /// <summary>Gives the descriptor up to whoever takes its number: this object is closed, the descriptor is not.</summary>
    public int Release()
    {
        int descriptor = Descriptor;
        SetHandleAsInvalid();
        return descriptor;
    }

    /// <summary>preadv2: reads into <paramref name="count"/> iovecs at <paramref name="vectors"/>.</summary>
    /// <returns>Bytes read, 0 at the end of the file, or negative errno.</returns>
    public static int Read(SafeHandle file, nint vectors, int count, long offset, int flags)
    {
        while (true)
        {
            nint done = preadv2(file, vectors, count, offset, flags);
            if (done >= 0) return (int)done;
            int errno = Marshal.GetLastPInvokeError();
            if (errno != Linux.Errno.EINTR) return -errno;
        }
    }

    /// <summary>pwritev2: writes <paramref name="count"/> iovecs at <paramref name="vectors"/>.</summary>
    /// <returns>Bytes written, or negative errno.</returns>
    public static int Write(SafeHandle file, nint vectors, int count, long offset, int flags)
    {
        while (true)
        {
            nint done = pwritev2(file, vectors, count, offset, flags);
            if (done >= 0) return (int)done;
            int errno = Marshal.GetLastPInvokeError();
            if (errno != Linux.Errno.EINTR) return -errno;
        }
    }

    /// <summary>fdatasync.</summary>
    /// <returns>0, or negative errno.</returns>
    public static int Flush(SafeHandle file)
    {
        while (fdatasync(file) < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (errno != Linux.Errno.EINTR) return -errno;
        }

        return 0;
    }

    /// <summary>fallocate with the kernel's <paramref name="mode"/> bits.</summary>
    /// <returns>0, or negative errno.</returns>
    public static int Allocate(SafeHandle file, int mode, long offset, long bytes)
    {
        while (fallocate(file, mode, offset, bytes) < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (errno != Linux.Errno.EINTR) return -errno;
        }

        return 0;
    }

    /// <summary>ftruncate: a larger file reads as zeroes behind its old end, a smaller one loses what is there.</summary>
    /// <returns>0, or negative errno.</returns>
    public int SetSize(long bytes)
    {
        while (ftruncate(this, bytes) < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (errno != Linux.Errno.EINTR) return -errno;
        }

        return 0;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(SafeHandle file, int command, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint preadv2(SafeHandle file, nint vectors, int count, long offset, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pwritev2(SafeHandle file, nint vectors, int count, long offset, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fdatasync(SafeHandle file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fallocate(SafeHandle file, int mode, long offset, long bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(LinuxFile file, long bytes);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
