using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>What a path or descriptor is. Kinds of no use to a caller here are <see cref="Other"/>.</summary>
public enum FileKind
{
    /// <summary>A FIFO, socket or character device.</summary>
    Other,

    /// <summary>A regular file.</summary>
    Regular,

    /// <summary>A block device.</summary>
    BlockDevice,

    /// <summary>A directory.</summary>
    Directory,
}

/// <summary>What statx(2) tells about an open file.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Bytes">Size of a regular file; 0 for a block device.</param>
/// <param name="AllocatedBytes">Space it takes.</param>
/// <param name="BlockBytes">The file system's preferred unit.</param>
/// <param name="DeviceMajor">Of a block device: its number.</param>
/// <param name="DeviceMinor">Of a block device: its number.</param>
/// <param name="DirectMemoryAlignment">O_DIRECT: alignment of buffers; 0 when the kernel does not say.</param>
/// <param name="DirectOffsetAlignment">O_DIRECT: alignment of offsets and lengths; 0 when the kernel does not say.</param>
public readonly partial record struct FileStatus(
    FileKind Kind,
    long Bytes,
    long AllocatedBytes,
    int BlockBytes,
    uint DeviceMajor,
    uint DeviceMinor,
    int DirectMemoryAlignment,
    int DirectOffsetAlignment)
{
    private const int AT_FDCWD = -100;
    private const int AT_EMPTY_PATH = 0x1000;
    private const uint STATX_BASIC_STATS = 0x7ff;
    private const uint STATX_DIOALIGN = 0x2000;
    private const int S_IFMT = 0xf000;
    private const int S_IFDIR = 0x4000;
    private const int S_IFBLK = 0x6000;
    private const int S_IFREG = 0x8000;
    private const int S_IFSOCK = 0xc000;

    /// <summary>Reads the status of an open file.</summary>
    /// <returns>0, or negative errno.</returns>
    public static unsafe int TryRead(SafeHandle file, out FileStatus status)
    {
        StatxBuffer raw = default;
        // SAFETY: the kernel writes one statx structure, a local of its full size.
        if (statx(file, string.Empty, AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_DIOALIGN, (nint)(&raw)) < 0)
        {
            status = default;
            return -Marshal.GetLastPInvokeError();
        }

        FileKind kind = (raw.stx_mode & S_IFMT) switch
        {
            S_IFREG => FileKind.Regular,
            S_IFBLK => FileKind.BlockDevice,
            S_IFDIR => FileKind.Directory,
            _ => FileKind.Other,
        };
        status = new FileStatus(
            kind, (long)raw.stx_size, (long)raw.stx_blocks * 512, (int)raw.stx_blksize, raw.stx_rdev_major, raw.stx_rdev_minor,
            (int)raw.stx_dio_mem_align, (int)raw.stx_dio_offset_align);
        return 0;
    }

    /// <summary>Whether there is a Unix socket at a path.</summary>
    public static unsafe bool IsSocket(string path)
    {
        StatxBuffer raw = default;
        // SAFETY: as in TryRead.
        return statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, (nint)(&raw)) == 0 && (raw.stx_mode & S_IFMT) == S_IFSOCK;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int directory, string path, int flags, uint mask, nint status);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(SafeHandle directory, string path, int flags, uint mask, nint status);

    // Source: linux/stat.h.
    [StructLayout(LayoutKind.Sequential, Size = 256)]
    private struct StatxBuffer
    {
        public uint stx_mask;
        public uint stx_blksize;
        public ulong stx_attributes;
        public uint stx_nlink;
        public uint stx_uid;
        public uint stx_gid;
        public ushort stx_mode;
        public ushort spare0;
        public ulong stx_ino;
        public ulong stx_size;
        public ulong stx_blocks;
        public ulong stx_attributes_mask;
        public StxTimes times;
        public uint stx_rdev_major;
        public uint stx_rdev_minor;
        public uint stx_dev_major;
        public uint stx_dev_minor;
        public ulong stx_mnt_id;
        public uint stx_dio_mem_align;
        public uint stx_dio_offset_align;
    }

    // Four timestamps of 16 bytes.
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct StxTimes
    {
        public ulong first;
    }
}
