using VmBus.Native.Linux;

namespace VmBus.Storage.Disks;

/// <summary>What O_DIRECT asks of one file.</summary>
/// <param name="MemoryBytes">Alignment of buffers; 1 when the file is not in direct mode.</param>
/// <param name="OffsetBytes">Alignment of offsets and lengths; 1 when the file is not in direct mode.</param>
internal readonly record struct DirectAlignment(int MemoryBytes, int OffsetBytes)
{
    private const int MaximumBytes = 4096;

    /// <summary>Through the page cache: anything goes.</summary>
    internal static DirectAlignment None => new(1, 1);

    internal bool IsDirect => OffsetBytes > 1;

    /// <summary>Switches a file to O_DIRECT and finds out what it asks.</summary>
    /// <exception cref="DiskException">The file system has no direct I/O.</exception>
    internal static DirectAlignment Enable(string path, LinuxFile file, in FileStatus status)
    {
        int result = file.EnableDirect();
        if (result < 0)
        {
            throw new DiskException(
                DiskProblem.Host,
                $"Disk '{path}' cannot bypass the page cache ({LinuxException.DescribeError(-result)}); use cache=writeback.");
        }

        if (status.DirectOffsetAlignment > 0) return new(Math.Max(status.DirectMemoryAlignment, 1), Math.Max(status.DirectOffsetAlignment, 512));
        // Kernels before 6.1 and some file systems do not say: the smallest transfer that works tells.
        using var buffer = new BounceBuffer(MaximumBytes);
        for (int bytes = 512; bytes < MaximumBytes; bytes *= 2)
        {
            if (LinuxFile.Read(file, buffer.Vector(bytes), 1, bytes, 0) >= 0) return new(bytes, bytes);
        }

        return new(MaximumBytes, MaximumBytes);
    }
}
