using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.TestKit.VhostUser;

/// <summary>Memory of a front-end as monitors make it: a memfd that may still be sealed, or one that may not.</summary>
public static partial class SharedMemory
{
    private const uint MFD_CLOEXEC = 1;
    private const uint MFD_ALLOW_SEALING = 2;

    public static SafeFileHandle Create(long bytes, bool sealable)
    {
        var file = new SafeFileHandle(memfd_create("front-end", MFD_CLOEXEC | (sealable ? MFD_ALLOW_SEALING : 0)), ownsHandle: true);
        return !file.IsInvalid && TryResize(file, bytes) ? file : throw new InvalidOperationException($"No memory: {Marshal.GetLastPInvokeError()}.");
    }

    /// <summary>Makes it longer or shorter.</summary>
    public static bool TryResize(SafeFileHandle file, long bytes) => ftruncate(file, bytes) == 0;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(SafeFileHandle file, long bytes);
}
