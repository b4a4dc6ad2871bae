using System.Globalization;
using System.Runtime.InteropServices;
using VmBus.Native.Linux;

namespace VmBus.Native.Sandbox;

/// <summary>A view of the host's files that has programs and their libraries, and the kernel's own file systems, but none of the host's data.</summary>
/// <remarks>
/// It is the calling thread's, and that of the program which this thread becomes: a mount namespace of its own, in which every other folder below the root is covered by an empty one. What
/// is open stays open. Needs CAP_SYS_ADMIN, which whoever lives there must not keep. Source: mount_namespaces(7), unshare(2), mount(2).
/// </remarks>
public static partial class MountView
{
    /// <summary>What the covers are called in /proc/PID/mountinfo.</summary>
    public const string Source = "vmbus-view";

    private const int CLONE_NEWNS = 0x20000;
    private const nuint MS_RDONLY = 1;
    private const nuint MS_NOSUID = 2;
    private const nuint MS_NODEV = 4;
    private const nuint MS_NOEXEC = 8;
    private const nuint MS_REMOUNT = 32;
    private const nuint MS_BIND = 4096;
    private const nuint MS_REC = 16384;
    private const nuint MS_PRIVATE = 1 << 18;
    private const nuint Restrictions = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    private const string Scratch = "/tmp";

    // Programs, their libraries and settings, and what the kernel tells. /nix and /gnu are two distributions' /usr.
    private static readonly string[] Visible = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "proc", "sys", "dev", "nix", "gnu"];

    /// <summary>Whether this process may; tried on a thread that ends with it.</summary>
    public static bool IsPossible()
    {
        int errno = -1;
        var thread = new Thread(() => errno = unshare(CLONE_NEWNS) < 0 ? Marshal.GetLastPInvokeError() : 0) { Name = "view-probe", IsBackground = true };
        thread.Start();
        thread.Join();
        return errno == 0;
    }

    /// <summary>Narrows what the calling thread sees. A folder for scratch files, /tmp, is there, empty and of 16 MiB.</summary>
    /// <param name="kept">Full paths of folders that stay visible wherever they are.</param>
    /// <returns>0, or the errno of the first step that failed: then it sees more.</returns>
    public static int TryNarrow(IReadOnlyList<string> kept)
    {
        List<(string Path, LinuxFile Place)> places = [];
        try
        {
            string[] covered = [.. new DirectoryInfo("/").EnumerateDirectories().Where(static folder => folder.LinkTarget is null && !Visible.Contains(folder.Name)).Select(static folder => folder.FullName)];
            string[] hidden = [.. kept.Where(path => Array.Exists(covered, folder => path.StartsWith(folder + "/", StringComparison.Ordinal)))];
            if (!Array.TrueForAll(hidden, Directory.Exists)) return Errno.ENOENT;
            if (unshare(CLONE_NEWNS) < 0 || mount(null, "/", null, MS_REC | MS_PRIVATE, null) < 0) return Marshal.GetLastPInvokeError();
            // Not before: nothing can be bound from another namespace.
            foreach (string path in hidden)
            {
                if (LinuxFile.TryOpen(path, LinuxOpen.Place, out int errno) is not { } place) return errno;
                places.Add((path, place));
            }

            int failure = 0;
            foreach (string folder in covered)
            {
                // One that cannot be covered leaves no other open.
                int errno = Cover(folder, [.. places.Where(place => place.Path.StartsWith(folder + "/", StringComparison.Ordinal))]);
                if (failure == 0) failure = errno;
            }

            return failure;
        }
        finally
        {
            foreach ((_, LinuxFile place) in places) place.Dispose();
        }
    }

    private static int Cover(string folder, IReadOnlyList<(string Path, LinuxFile Place)> kept)
    {
        bool isScratch = folder == Scratch;
        if (mount(Source, folder, "tmpfs", Restrictions, isScratch ? "mode=1777,size=16m,nr_inodes=1k" : "mode=0755,size=256k,nr_inodes=1k") < 0) return Marshal.GetLastPInvokeError();
        foreach ((string path, LinuxFile place) in kept)
        {
            Directory.CreateDirectory(path);
            if (mount(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{place.Descriptor}"), path, null, MS_BIND | MS_REC, null) < 0) return Marshal.GetLastPInvokeError();
        }

        return isScratch || mount(null, folder, null, MS_REMOUNT | MS_BIND | MS_RDONLY | Restrictions, null) >= 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string? source, string target, string? type, nuint flags, string? data);
}
