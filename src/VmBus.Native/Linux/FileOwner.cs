using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Whom files belong to. Source: chown(2), geteuid(2).</summary>
public static partial class FileOwner
{
    /// <summary>The user whose rights this process has.</summary>
    public static uint CurrentUser => geteuid();

    /// <summary>Gives a file or folder to a group; its user stays.</summary>
    /// <exception cref="LinuxException">The kernel refuses.</exception>
    public static void GiveToGroup(string path, uint group)
    {
        if (chown(path, uint.MaxValue, group) >= 0) return;
        int errno = Marshal.GetLastPInvokeError();
        string cure = errno == Errno.EPERM ? " (of which one without CAP_CHOWN must be a member)" : "";
        throw new LinuxException($"Giving '{path}' to group {group}{cure} failed", errno);
    }

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chown(string path, uint user, uint group);
}
