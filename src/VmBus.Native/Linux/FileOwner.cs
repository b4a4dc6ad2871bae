using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Whom files belong to. Source: chown(2), geteuid(2).</summary>
public static partial class FileOwner
{
    /// <summary>The user whose rights this process has.</summary>
    public static uint CurrentUser => geteuid();

    /// <summary>Gives a file or folder to a group; its user stays.</summary>
    /// <returns>0, or negative errno.</returns>
    public static int ChangeGroup(string path, uint group) => chown(path, uint.MaxValue, group) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chown(string path, uint user, uint group);
}
