using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>A range of this process's address space, unmapped when disposed. Never inherited by children nor written to core dumps.</summary>
/// <remarks>Source: mmap(2), madvise(2).</remarks>
public sealed partial class MemoryMapping : SafeHandleMinusOneIsInvalid
{
    private const int PROT_NONE = 0;
    private const int PROT_READ_WRITE = 3;
    private const int MAP_SHARED = 1;
    private const int MAP_PRIVATE = 2;
    private const int MAP_FIXED = 0x10;
    private const int MAP_ANONYMOUS = 0x20;
    private const int MAP_NORESERVE = 0x4000;
    private const int MADV_DONTFORK = 10;
    private const int MADV_HUGEPAGE = 14;
    private const int MADV_DONTDUMP = 16;
    private const int HugePageBytes = 2 << 20;

    private MemoryMapping(nint address, long bytes)
        : base(ownsHandle: true)
    {
        SetHandle(address);
        Bytes = bytes;
    }

    /// <summary>The first address.</summary>
    public nint Address => handle;

    /// <summary>The length in bytes.</summary>
    public long Bytes { get; }

    /// <summary>Reserves address space that faults until <see cref="MapAt"/> fills it.</summary>
    /// <exception cref="LinuxException">The address space is exhausted.</exception>
    public static MemoryMapping Reserve(long bytes)
    {
        nint address = mmap(0, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return address == -1
            ? throw new LinuxException($"Reserving {bytes} bytes of address space failed", Marshal.GetLastPInvokeError())
            : new MemoryMapping(address, bytes);
    }

    /// <summary>Maps <paramref name="bytes"/> of <paramref name="file"/> from <paramref name="fileOffset"/>, shared, readable and writable.</summary>
    /// <exception cref="LinuxException">The range or the descriptor cannot be mapped.</exception>
    public static MemoryMapping Map(SafeHandle file, long fileOffset, long bytes)
    {
        MemoryMapping mapping = Reserve(bytes);
        int errno = mapping.MapAt(0, file, fileOffset, bytes);
        if (errno == 0) return mapping;
        mapping.Dispose();
        throw new LinuxException($"Mapping {bytes} bytes at file offset {fileOffset} failed", errno);
    }

    /// <summary>
    /// As <see cref="Map"/> of the whole file, at an address where huge pages of the file fit, and asks for them: a guest in this memory
    /// then faults once per 2 MiB. Whether the file has any, the host decides.
    /// </summary>
    /// <exception cref="LinuxException">The descriptor cannot be mapped.</exception>
    public static MemoryMapping MapWithHugePages(SafeHandle file, long bytes)
    {
        MemoryMapping mapping = ReserveAligned(bytes);
        int errno = mapping.MapAt(0, file, 0, bytes);
        if (errno == 0)
        {
            // Advice only: a kernel without huge pages refuses it.
            _ = madvise(mapping.Address, bytes, MADV_HUGEPAGE);
            return mapping;
        }

        mapping.Dispose();
        throw new LinuxException($"Mapping {bytes} bytes failed", errno);
    }

    /// <summary>Maps a piece of a device that chooses the address itself, as io_uring does.</summary>
    /// <exception cref="LinuxException">The range or the descriptor cannot be mapped.</exception>
    public static MemoryMapping MapDevice(SafeHandle device, long deviceOffset, long bytes)
    {
        bool held = false;
        try
        {
            device.DangerousAddRef(ref held);
            nint address = mmap(0, bytes, PROT_READ_WRITE, MAP_SHARED, (int)device.DangerousGetHandle(), deviceOffset);
            if (address == -1)
                throw new LinuxException($"Mapping {bytes} bytes at device offset {deviceOffset} failed", Marshal.GetLastPInvokeError());
            _ = madvise(address, bytes, MADV_DONTFORK);
            return new MemoryMapping(address, bytes);
        }
        finally
        {
            if (held) device.DangerousRelease();
        }
    }

    /// <summary>Maps a piece of a file over part of this range.</summary>
    /// <returns>0, or errno (ENOMEM when the process has too many mappings).</returns>
    public int MapAt(long offset, SafeHandle file, long fileOffset, long bytes)
    {
        if (offset < 0 || bytes <= 0 || offset > Bytes - bytes) return Errno.EINVAL;
        bool held = false;
        try
        {
            file.DangerousAddRef(ref held);
            nint target = handle + (nint)offset;
            if (mmap(target, bytes, PROT_READ_WRITE, MAP_SHARED | MAP_FIXED, (int)file.DangerousGetHandle(), fileOffset) == -1)
                return Marshal.GetLastPInvokeError();
            // Advice only: a kernel that refuses it loses no correctness.
            _ = madvise(target, bytes, MADV_DONTFORK);
            _ = madvise(target, bytes, MADV_DONTDUMP);
            return 0;
        }
        finally
        {
            if (held) file.DangerousRelease();
        }
    }

    private static MemoryMapping ReserveAligned(long bytes)
    {
        using MemoryMapping room = Reserve(bytes + HugePageBytes);
        nint start = (room.Address + HugePageBytes - 1) & ~(nint)(HugePageBytes - 1);
        nint end = start + (nint)bytes;
        nint roomEnd = room.Address + (nint)room.Bytes;
        room.SetHandleAsInvalid();
        if (start > room.handle) _ = munmap(room.handle, start - room.handle);
        if (roomEnd > end) _ = munmap(end, roomEnd - end);
        return new MemoryMapping(start, bytes);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => munmap(handle, Bytes) == 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, long bytes, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc")]
    private static partial int munmap(nint address, long bytes);

    [LibraryImport("libc")]
    private static partial int madvise(nint address, long bytes, int advice);
}
