using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Takes copies of another process's descriptors: for processes that share eventfds with those they started.</summary>
/// <remarks>Source: pidfd_open(2), pidfd_getfd(2). Needs the right to trace the process, which a parent has over its children.</remarks>
internal static partial class ProcessDescriptor
{
    // The same on x86-64 and arm64.
    private const nint SYS_pidfd_open = 434;
    private const nint SYS_pidfd_getfd = 438;

    /// <summary>Copies a descriptor; the copy is close-on-exec.</summary>
    /// <exception cref="LinuxException">There is no such process or descriptor, or it may not be copied.</exception>
    internal static int Copy(int processId, int descriptor)
    {
        nint process = syscall(SYS_pidfd_open, processId, 0, 0);
        if (process < 0) throw new LinuxException($"Opening process {processId} failed", Marshal.GetLastPInvokeError());
        nint copy = syscall(SYS_pidfd_getfd, process, descriptor, 0);
        int errno = Marshal.GetLastPInvokeError();
        _ = close((int)process);
        return copy >= 0 ? (int)copy : throw new LinuxException($"Copying descriptor {descriptor} of process {processId} failed", errno);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint first, nint second, nint third);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
