using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Machine.Boot;

/// <summary>A kernel or initial RAM disk as a file on the host: reads that fail become <see cref="BootException"/>s naming it.</summary>
internal sealed class ImageFile : IDisposable
{
    private readonly ReadOnlyFile _file;
    private readonly string _what;

    private ImageFile(string what, string path, ReadOnlyFile file)
    {
        _what = what;
        Path = path;
        _file = file;
    }

    internal string Path { get; }

    internal long Bytes => _file.Bytes;

    /// <param name="what">What the file is to the user: "kernel" or "initrd".</param>
    /// <param name="path">Its path.</param>
    /// <param name="open">The file where it is open already; it stays the caller's.</param>
    /// <exception cref="BootException">It cannot be opened or is not a regular file.</exception>
    internal static ImageFile Open(string what, string path, LinuxFile? open = null)
    {
        ReadOnlyFile? file;
        int errno = open is null ? ReadOnlyFile.TryOpen(path, out file) : ReadOnlyFile.TryShare(open, out file);
        if (errno != 0) throw Failure(what, path, errno);
        var image = new ImageFile(what, path, file!);
        try
        {
            // A directory opens and has a size, but cannot be read.
            if (image.Bytes > 0) image.Read(0, stackalloc byte[1]);
            return image;
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    /// <exception cref="BootException">The file ends before or cannot be read.</exception>
    internal void Read(long offset, Span<byte> buffer)
    {
        int errno = _file.Read(offset, buffer);
        if (errno != 0) throw Failure(_what, Path, errno);
    }

    /// <summary>Reads a piece of the file into guest memory without a copy in between.</summary>
    /// <exception cref="BootException">The file ends before, cannot be read, or the guest has no RAM there.</exception>
    internal void Read(long offset, long bytes, GuestMemory memory, Gpa destination)
    {
        if (bytes == 0) return;
        if (!memory.TryGetHostAddress(destination, (ulong)bytes, out nint address))
        {
            throw new BootException(
                BootError.OutOfMemory,
                $"The {_what} '{Path}' needs memory at {destination}, which this partition of {memory.Bytes >> 20} MiB does not have; give it more memory.");
        }

        int errno = _file.Read(offset, address, bytes);
        if (errno != 0) throw Failure(_what, Path, errno);
    }

    public void Dispose() => _file.Dispose();

    private static BootException Failure(string what, string path, int errno) => errno switch
    {
        Errno.ENOENT => new(BootError.NotFound, $"The {what} '{path}' does not exist."),
        Errno.EACCES or Errno.EPERM => new(BootError.NoPermission, $"The {what} '{path}' may not be read by this user; check its permissions."),
        Errno.EISDIR => new(BootError.NotAFile, $"The {what} '{path}' is a directory; name the file."),
        Errno.ESPIPE => new(BootError.NotAFile, $"The {what} '{path}' is not a regular file."),
        Errno.ENODATA => new(BootError.Damaged, $"The {what} '{path}' is truncated; copy it again."),
        _ => new(BootError.ReadFailed, $"The {what} '{path}' cannot be read: {LinuxException.DescribeError(errno)}."),
    };
}
