using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Questions to block devices, and discard. All return negative errno and never throw. Source: linux/fs.h.</summary>
public static partial class BlockDevice
{
    private const nuint BLKROGET = 0x125e;
    private const nuint BLKSSZGET = 0x1268;
    private const nuint BLKDISCARD = 0x1277;
    private const nuint BLKPBSZGET = 0x127b;
    private const nuint BLKROTATIONAL = 0x127e;
    private const nuint BLKGETSIZE64 = 0x80081272;

    /// <summary>Capacity in bytes, or negative errno.</summary>
    public static long Bytes(SafeHandle device) => Query(device, BLKGETSIZE64);

    /// <summary>Bytes of a logical sector, or negative errno.</summary>
    public static int LogicalSectorBytes(SafeHandle device) => (int)Query(device, BLKSSZGET);

    /// <summary>Bytes of a physical sector, or negative errno.</summary>
    public static int PhysicalSectorBytes(SafeHandle device) => (int)Query(device, BLKPBSZGET);

    /// <summary>1 when the medium spins, 0 when not, or negative errno.</summary>
    public static int IsRotational(SafeHandle device) => (int)Query(device, BLKROTATIONAL);

    /// <summary>1 when the kernel refuses writes, 0 when not, or negative errno.</summary>
    public static int IsReadOnly(SafeHandle device) => (int)Query(device, BLKROGET);

    /// <summary>Frees a range; what it reads as afterwards is the device's choice. Blocks until done.</summary>
    /// <returns>0, or negative errno.</returns>
    public static unsafe int Discard(SafeHandle device, long offset, long bytes)
    {
        ulong* range = stackalloc ulong[2] { (ulong)offset, (ulong)bytes };
        while (true)
        {
            // SAFETY: the kernel reads two 64-bit words, a local array of that size.
            if (ioctl(device, BLKDISCARD, (nint)range) >= 0) return 0;
            int errno = Marshal.GetLastPInvokeError();
            if (errno != Errno.EINTR) return -errno;
        }
    }

    private static unsafe long Query(SafeHandle device, nuint request)
    {
        long value = 0;
        // SAFETY: each of these requests writes 2, 4 or 8 bytes; the local has 8, cleared, and both architectures are little-endian.
        return ioctl(device, request, (nint)(&value)) < 0 ? -Marshal.GetLastPInvokeError() : value;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(SafeHandle device, nuint request, nint argument);
}
