using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>An eventfd: a kernel counter that one side adds to and the other waits for. Close-on-exec and non-blocking.</summary>
/// <remarks>Any thread may signal or drain. Source: eventfd(2).</remarks>
public sealed partial class EventFd : SafeHandleZeroOrMinusOneIsInvalid
{
    private const int EFD_CLOEXEC = 0x80000;
    private const int EFD_NONBLOCK = 0x800;
    private const int F_SETFL = 4;

    private EventFd(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>The file descriptor, for kernel structures that store the number. Valid while this handle is open.</summary>
    public int Descriptor => (int)handle;

    /// <summary>Creates an eventfd whose counter is 0.</summary>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public static EventFd Create()
    {
        int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (descriptor < 0) throw new LinuxException("Creating an eventfd failed", Marshal.GetLastPInvokeError());
        return new EventFd(descriptor);
    }

    /// <summary>A second handle on an eventfd of another process, which must be one that this process may trace: one it started.</summary>
    /// <exception cref="LinuxException">There is no such process or descriptor, or it may not be copied.</exception>
    public static EventFd CopyFromProcess(int processId, int descriptor) => new(ProcessDescriptor.Copy(processId, descriptor));

    /// <summary>Takes over a descriptor that another process has sent.</summary>
    /// <returns>Null, with the descriptor closed, when it is no eventfd: whatever else it is might block whoever signals.</returns>
    public static EventFd? TryTake(int descriptor)
    {
        var taken = new EventFd(descriptor);
        if (new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget is "anon_inode:[eventfd]" && fcntl(taken, F_SETFL, EFD_NONBLOCK) == 0) return taken;
        taken.Dispose();
        return null;
    }

    /// <summary>Whether the counter is not 0. It stays as it is.</summary>
    public bool IsSignalled
    {
        get
        {
            var entry = new PollEntry { Descriptor = (int)handle, Events = Poll.POLLIN };
            return Poll.Wait(ref entry, 0) > 0;
        }
    }

    /// <summary>Waits until the counter is not 0, and reads it back to 0.</summary>
    /// <returns>False when it was 0 all the time.</returns>
    public bool Wait(TimeSpan timeout)
    {
        if (Drain() > 0) return true;
        var entry = new PollEntry { Descriptor = (int)handle, Events = Poll.POLLIN };
        _ = Poll.Wait(ref entry, (int)Math.Clamp(timeout.TotalMilliseconds, 0, int.MaxValue));
        return Drain() > 0;
    }

    /// <summary>Adds 1 to the counter and wakes whoever waits. A saturated counter is left as it is: the waiter is awake anyway.</summary>
    public unsafe void Signal()
    {
        ulong one = 1;
        // SAFETY: the kernel reads exactly 8 bytes of a local.
        _ = write(this, (nint)(&one), sizeof(ulong));
    }

    /// <summary>Reads the counter back to 0.</summary>
    /// <returns>The count, or 0 when nothing was signalled.</returns>
    public unsafe ulong Drain()
    {
        ulong count = 0;
        // SAFETY: the kernel writes exactly 8 bytes to a local.
        return read(this, (nint)(&count), sizeof(ulong)) == sizeof(ulong) ? count : 0;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(EventFd file, nint buffer, nint bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(EventFd file, nint buffer, nint bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(EventFd file, int command, int argument);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
