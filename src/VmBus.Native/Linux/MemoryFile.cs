using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>Anonymous shared memory with a descriptor, close-on-exec.</summary>
/// <remarks>Source: memfd_create(2), fcntl(2), fallocate(2), tmpfs(5).</remarks>
public sealed partial class MemoryFile : SafeHandleZeroOrMinusOneIsInvalid
{
    private const uint MFD_CLOEXEC = 1;
    private const uint MFD_ALLOW_SEALING = 2;
    private const int F_ADD_SEALS = 1033;
    private const int F_GET_SEALS = 1034;
    private const int F_SEAL_SEAL = 1;
    private const int F_SEAL_SHRINK = 2;
    private const int SEEK_END = 2;
    private const int FALLOC_FL_KEEP_SIZE = 1;
    private const int FALLOC_FL_PUNCH_HOLE = 2;

    private MemoryFile(int descriptor, long bytes, bool mayShrink = false)
        : base(ownsHandle: true)
    {
        SetHandle(descriptor);
        Bytes = bytes;
        MayShrink = mayShrink;
    }

    /// <summary>The size in bytes, fixed at creation.</summary>
    public long Bytes { get; }

    /// <summary>Whether another process that has the file can shorten it. Access beyond the end of a file kills the process (SIGBUS).</summary>
    public bool MayShrink { get; }

    /// <summary>The file descriptor, for kernel structures that store the number. Valid while this handle is open.</summary>
    public int Descriptor => (int)handle;

    /// <summary>Creates a zero-filled memfd, sealed against shrinking; pages are taken from the host only when touched.</summary>
    /// <exception cref="LinuxException">No descriptor is left, or the size is beyond the host's limits.</exception>
    public static MemoryFile Create(string name, long bytes)
    {
        int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (descriptor < 0) throw new LinuxException($"Creating the memory file '{name}' failed", Marshal.GetLastPInvokeError());
        var file = new MemoryFile(descriptor, bytes);
        if (ftruncate(file, bytes) < 0 || fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            file.Dispose();
            throw new LinuxException($"Sizing the memory file '{name}' to {bytes} bytes failed", errno);
        }

        return file;
    }

    /// <summary>Takes over memory that another process has sent, and seals it against shrinking where it can be sealed; see <see cref="MayShrink"/>.</summary>
    /// <returns>Null, with the descriptor closed, when it has no size.</returns>
    public static MemoryFile? TryTake(int descriptor)
    {
        var sized = new MemoryFile(descriptor, 0);
        // Before the size is read, so that it holds.
        bool mayShrink = fcntl(sized, F_ADD_SEALS, F_SEAL_SHRINK) < 0 && (fcntl(sized, F_GET_SEALS, 0) is var seals && (seals < 0 || (seals & F_SEAL_SHRINK) == 0));
        long bytes = lseek(sized, 0, SEEK_END);
        if (bytes > 0)
        {
            sized.SetHandleAsInvalid();
            return new MemoryFile(descriptor, bytes, mayShrink);
        }

        sized.Dispose();
        return null;
    }

    /// <summary>
    /// As <see cref="Create"/>, from huge pages where the host has them and mappings ask for them. A memfd follows the host's setting
    /// (transparent_hugepage/shmem_enabled), which is usually off; where this process may mount, the file is on a tmpfs of its own instead,
    /// which nobody else sees and which cannot be sealed.
    /// </summary>
    /// <exception cref="LinuxException">As for <see cref="Create"/>.</exception>
    public static MemoryFile CreateWithHugePages(string name, long bytes)
    {
        int descriptor = HugePageFileSystem.TryCreateFile(bytes);
        if (descriptor < 0) return Create(name, bytes);
        var file = new MemoryFile(descriptor, bytes);
        if (ftruncate(file, bytes) == 0) return file;
        file.Dispose();
        return Create(name, bytes);
    }

    /// <summary>Gives the pages of a range back to the host; they read as zero afterwards.</summary>
    /// <exception cref="LinuxException">The range is outside the file.</exception>
    public void PunchHole(long offset, long bytes)
    {
        if (fallocate(this, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, bytes) < 0)
            throw new LinuxException($"Punching a hole of {bytes} bytes at {offset} failed", Marshal.GetLastPInvokeError());
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(MemoryFile file, long bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial long lseek(MemoryFile file, long offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(MemoryFile file, int command, int argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fallocate(MemoryFile file, int mode, long offset, long bytes);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
