using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Byte-range locks that belong to the open file and end with it. Source: fcntl(2), "Open file description locks".</summary>
public static partial class FileLock
{
    private const int F_OFD_GETLK = 36;
    private const int F_OFD_SETLK = 37;
    private const short F_RDLCK = 0;
    private const short F_WRLCK = 1;
    private const short F_UNLCK = 2;

    /// <summary>Takes a shared lock on one byte, without waiting.</summary>
    /// <returns>0, or negative errno: EAGAIN when another holds it exclusively.</returns>
    public static unsafe int TryShare(SafeHandle file, long position)
    {
        FlockRange range = new() { l_type = F_RDLCK, l_start = position, l_len = 1 };
        // SAFETY: the kernel reads one flock structure, a local.
        return fcntl(file, F_OFD_SETLK, (nint)(&range)) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>Takes the whole file for itself, without waiting; the file must be open for writing. Locks of a process (F_SETLK) count as another's.</summary>
    /// <returns>0, or negative errno: EAGAIN when another holds any of it.</returns>
    public static unsafe int TryTakeWhole(SafeHandle file)
    {
        FlockRange range = new() { l_type = F_WRLCK };
        // SAFETY: the kernel reads one flock structure, a local.
        return fcntl(file, F_OFD_SETLK, (nint)(&range)) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>Asks whether another open file holds any lock on a byte.</summary>
    /// <returns>1 when one does, 0 when none does, or negative errno.</returns>
    public static unsafe int IsHeldElsewhere(SafeHandle file, long position)
    {
        FlockRange range = new() { l_type = F_WRLCK, l_start = position, l_len = 1 };
        // SAFETY: the kernel reads and writes one flock structure, a local.
        if (fcntl(file, F_OFD_GETLK, (nint)(&range)) < 0) return -Marshal.GetLastPInvokeError();
        return range.l_type == F_UNLCK ? 0 : 1;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(SafeHandle file, int command, nint argument);

    [StructLayout(LayoutKind.Sequential)]
    private struct FlockRange
    {
        public short l_type;
        public short l_whence;
        public long l_start;
        public long l_len;
        public int l_pid;
    }
}
