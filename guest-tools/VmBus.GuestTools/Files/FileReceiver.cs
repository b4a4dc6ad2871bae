using Microsoft.Win32.SafeHandles;
using VmBus.Native.Linux;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Files;

/// <summary>Takes a file that the host copies into this guest: steps in, statuses out. Knows no device. One thread uses it.</summary>
/// <remarks>
/// The file is never outside the folder that the host names: no symbolic link is followed on the way, so that nobody in the guest can lead the
/// host's file elsewhere, and the name is a name. It has no name until it is whole, so that half a file is never seen and nothing is left
/// behind, whatever ends the copy; on file systems without nameless files (FAT, some network file systems) it has a hidden name until then.
/// </remarks>
/// <param name="root">The folder that the host's paths begin in, as if it were <c>/</c>.</param>
internal sealed class FileReceiver(string root) : IDisposable
{
    // What Debian's daemon gives, and so what is known: rwxr--r--.
    private const int FileMode = 0x1e4;

    // Names are UTF-8 with at most 255 bytes on Linux.
    private const int MaximumNameBytes = 255;

    private FolderPlace? _folder;
    private SafeFileHandle? _file;
    private string? _hiddenName;
    private string _name = "";
    private bool _replace;
    private long _bytes;
    private long _written;

    /// <summary>Why the last step was not done, with the values, for the log.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>The file that is on its way or was the last, as the host names it.</summary>
    public string Destination { get; private set; } = "";

    /// <summary>Begins a file; one that was on its way is given up.</summary>
    /// <param name="folder">The folder: an absolute path.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="flags">What may be done to make it.</param>
    /// <param name="bytes">How long it will be.</param>
    public ReceiveStatus Start(string folder, string name, FileCopyFlags flags, ulong bytes)
    {
        Cancel();
        Destination = folder.EndsWith('/') ? folder + name : $"{folder}/{name}";
        string[] parts = folder.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (!folder.StartsWith('/')) return Refuse("the folder is not an absolute path");
        if (!IsName(name) || !parts.All(IsName)) return Refuse("a name in it is '.', '..', too long or none");
        if (bytes > long.MaxValue) return Refuse($"it is said to be {bytes} bytes long");
        int errno = Enter(parts, (flags & FileCopyFlags.CreatePath) != 0);
        if (errno != 0) return Fail("its folder cannot be used", errno);
        _replace = (flags & FileCopyFlags.Overwrite) != 0;
        if (!_replace && _folder!.Has(name)) return GiveUp(ReceiveStatus.Exists, "there is a file of that name");
        errno = MakeFile();
        if (errno != 0) return Fail("it cannot be made", errno);
        // A disk that is too small is found now and not after gigabytes. Where a file system cannot reserve, it is found then.
        int reserved = bytes == 0 ? 0 : LinuxFile.Allocate(_file!, 0, 0, (long)bytes);
        if (reserved is -Errno.ENOSPC or -Errno.EFBIG) return Fail("there is no room for it", -reserved);
        (_name, _bytes, _written) = (name, (long)bytes, 0);
        return ReceiveStatus.Done;
    }

    /// <summary>Takes a piece.</summary>
    public ReceiveStatus Write(ulong position, ReadOnlySpan<byte> data)
    {
        if (_file is null) return Refuse("no file is on its way");
        if (position > (ulong)_bytes || (ulong)data.Length > (ulong)_bytes - position)
            return Refuse($"{data.Length} bytes at {position} lie outside the {_bytes} that were announced");
        try
        {
            RandomAccess.Write(_file, data, (long)position);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            bool isFull = e is IOException && (e.HResult & 0xffff) == Errno.ENOSPC;
            return GiveUp(isFull ? ReceiveStatus.DiskFull : ReceiveStatus.Failed, e.Message);
        }

        _written += data.Length;
        return ReceiveStatus.Done;
    }

    /// <summary>The file is whole: it gets its name.</summary>
    public ReceiveStatus Complete()
    {
        if (_file is null) return Refuse("no file is on its way");
        if (_written < _bytes) return Refuse($"it ends after {_written} of {_bytes} bytes");
        int result = FolderPlace.SetMode(_file, FileMode);
        if (result == 0) result = LinuxFile.Flush(_file);
        if (result == 0) result = GiveName();
        if (result == -Errno.EEXIST) return GiveUp(ReceiveStatus.Exists, "there is a file of that name now");
        if (result < 0) return Fail("it cannot be finished", -result);
        _hiddenName = null;
        Cancel();
        return ReceiveStatus.Done;
    }

    /// <summary>The file is given up, and nothing of it left; also when none is on its way. Folders that were made for it stay.</summary>
    public void Cancel()
    {
        if (_hiddenName is not null) _folder!.Remove(_hiddenName);
        _hiddenName = null;
        _file?.Dispose();
        _file = null;
        _folder?.Dispose();
        _folder = null;
    }

    /// <inheritdoc/>
    public void Dispose() => Cancel();

    private static bool IsName(string name)
        => name.Length > 0 && name is not ("." or "..") && !name.Contains('/', StringComparison.Ordinal) && !name.Contains('\0', StringComparison.Ordinal)
            && System.Text.Encoding.UTF8.GetByteCount(name) <= MaximumNameBytes;

    private static string NewHiddenName() => $".vmbus-guest.{Guid.NewGuid():N}";

    private int Enter(string[] parts, bool create)
    {
        if (FolderPlace.TryOpen(root, out int errno) is not { } place) return errno;
        foreach (string part in parts)
        {
            if (create && place.MakeFolder(part) is var made and < 0 && made != -Errno.EEXIST)
            {
                place.Dispose();
                return -made;
            }

            FolderPlace? next = place.TryEnter(part, out errno);
            place.Dispose();
            if (next is null) return errno;
            place = next;
        }

        _folder = place;
        return 0;
    }

    private int MakeFile()
    {
        _file = _folder!.TryMakeUnnamed(out int errno);
        if (_file is not null) return 0;
        if (errno is not (Errno.EOPNOTSUPP or Errno.EISDIR or Errno.ENOENT)) return errno;
        string hidden = NewHiddenName();
        _file = _folder.TryMakeFile(hidden, out errno);
        if (_file is null) return errno;
        _hiddenName = hidden;
        return 0;
    }

    private int GiveName()
    {
        if (_hiddenName is null)
        {
            if (!_replace) return _folder!.Link(_file!, _name);
            // A link replaces nothing, a rename does.
            string hidden = NewHiddenName();
            int result = _folder!.Link(_file!, hidden);
            if (result < 0) return result;
            _hiddenName = hidden;
        }

        return _folder!.Rename(_hiddenName, _name, _replace);
    }

    private ReceiveStatus Refuse(string reason) => GiveUp(ReceiveStatus.Refused, reason);

    private ReceiveStatus Fail(string what, int errno) => GiveUp(
        errno is Errno.ENOSPC ? ReceiveStatus.DiskFull : ReceiveStatus.Failed,
        errno switch
        {
            Errno.ELOOP => $"{what}: a symbolic link is on the way, and none is followed",
            Errno.EXDEV => $"{what}: the path leads out of {root}",
            _ => $"{what}: {LinuxException.DescribeError(errno)}",
        });

    private ReceiveStatus GiveUp(ReceiveStatus status, string reason)
    {
        Reason = reason;
        Cancel();
        return status;
    }
}
