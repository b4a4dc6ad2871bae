using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>A regular file opened for reading at given offsets, into managed memory or straight to an address. Close-on-exec.</summary>
/// <remarks>Any thread may read. Source: open(2), lseek(2), pread(2).</remarks>
public sealed partial class ReadOnlyFile : SafeHandleMinusOneIsInvalid
{
    // A FIFO must not hold up the open until someone writes; regular files ignore the flag.
    private const int O_RDONLY_CLOEXEC_NONBLOCK = 0x80000 | 0x800;
    private const int SEEK_END = 2;

    private ReadOnlyFile(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>The file's size in bytes when it was opened.</summary>
    public long Bytes { get; private set; }

    /// <summary>Opens a file.</summary>
    /// <returns>0, or errno: ESPIPE for something that has no size, such as a FIFO.</returns>
    public static int TryOpen(string path, out ReadOnlyFile? file)
    {
        file = null;
        int descriptor = open(path, O_RDONLY_CLOEXEC_NONBLOCK);
        return descriptor < 0 ? Marshal.GetLastPInvokeError() : Take(descriptor, out file);
    }

    /// <summary>The same for a file that is open already; the caller's stays open.</summary>
    /// <returns>0, or errno.</returns>
    public static int TryShare(LinuxFile open, out ReadOnlyFile? file) => Take(open.Duplicate().Release(), out file);

    /// <summary>Reads exactly the bytes asked for into a buffer.</summary>
    /// <returns>0; ENODATA when the file ends before; any other errno of the host's.</returns>
    public int Read(long offset, Span<byte> buffer)
    {
        for (int done = 0; done < buffer.Length;)
        {
            nint step = pread(this, buffer[done..], buffer.Length - done, offset + done);
            int errno = Judge(step);
            if (errno == Errno.EINTR) continue;
            if (errno != 0) return errno;
            done += (int)step;
        }

        return 0;
    }

    /// <summary>Reads exactly the bytes asked for to an address of this process that the caller knows to be writable.</summary>
    /// <returns>As <see cref="Read(long, Span{byte})"/>.</returns>
    public int Read(long offset, nint address, long bytes)
    {
        for (long done = 0; done < bytes;)
        {
            nint step = pread(this, address + (nint)done, (nint)(bytes - done), offset + done);
            int errno = Judge(step);
            if (errno == Errno.EINTR) continue;
            if (errno != 0) return errno;
            done += step;
        }

        return 0;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    private static int Take(int descriptor, out ReadOnlyFile? file)
    {
        file = null;
        var opened = new ReadOnlyFile(descriptor);
        opened.Bytes = lseek(opened, 0, SEEK_END);
        if (opened.Bytes < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            opened.Dispose();
            return errno;
        }

        file = opened;
        return 0;
    }

    private static int Judge(nint result) => result switch
    {
        > 0 => 0,
        0 => Errno.ENODATA,
        _ => Marshal.GetLastPInvokeError(),
    };

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial long lseek(ReadOnlyFile file, long offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pread(ReadOnlyFile file, Span<byte> buffer, nint bytes, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pread(ReadOnlyFile file, nint buffer, nint bytes, long offset);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
