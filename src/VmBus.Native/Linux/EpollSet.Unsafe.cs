using System.Runtime.InteropServices;
using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>A file of an <see cref="EpollSet"/> that is ready.</summary>
/// <param name="Data">What it was added with.</param>
/// <param name="Events">What it is ready for; errors and hang-up are reported unasked.</param>
public readonly record struct EpollEvent(ulong Data, uint Events);

/// <summary>An epoll instance. One thread waits; any thread may change the set. Source: epoll(7).</summary>
public sealed partial class EpollSet : SafeHandleMinusOneIsInvalid
{
    /// <summary>The file can be read.</summary>
    public const uint Readable = 0x1;

    /// <summary>The file can be written.</summary>
    public const uint Writable = 0x4;

    /// <summary>Reported once, then silent until <see cref="Change"/>.</summary>
    public const uint Once = 1u << 30;

    /// <summary>Most events that one <see cref="Wait"/> returns.</summary>
    public const int BatchEvents = 64;

    private const int EPOLL_CLOEXEC = 0x80000;
    private const int EPOLL_CTL_ADD = 1;
    private const int EPOLL_CTL_DEL = 2;
    private const int EPOLL_CTL_MOD = 3;

    // epoll_event is packed on x86-64 only: 4 bytes of events, then 8 of data at 4 or at 8.
    private static readonly bool Packed = RuntimeInformation.ProcessArchitecture == Architecture.X64;

    private EpollSet(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>Creates an empty set.</summary>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public static EpollSet Create()
    {
        int descriptor = epoll_create1(EPOLL_CLOEXEC);
        return descriptor < 0 ? throw new LinuxException("Creating an epoll set failed", Marshal.GetLastPInvokeError()) : new EpollSet(descriptor);
    }

    /// <summary>Adds a file.</summary>
    /// <returns>0, or negative errno.</returns>
    public int Add(int descriptor, uint events, ulong data) => Control(EPOLL_CTL_ADD, descriptor, events, data);

    /// <summary>Changes what is waited for, and arms <see cref="Once"/> again.</summary>
    /// <returns>0, or negative errno.</returns>
    public int Change(int descriptor, uint events, ulong data) => Control(EPOLL_CTL_MOD, descriptor, events, data);

    /// <summary>Takes a file out.</summary>
    /// <returns>0, or negative errno.</returns>
    public int Remove(int descriptor) => Control(EPOLL_CTL_DEL, descriptor, 0, 0);

    /// <summary>Waits for events, at most <paramref name="timeoutMs"/> (-1 for ever), and returns those that came.</summary>
    /// <returns>Entries of <paramref name="ready"/> that were filled; 0 also after a signal; or negative errno.</returns>
    public unsafe int Wait(Span<EpollEvent> ready, int timeoutMs)
    {
        byte* events = stackalloc byte[BatchEvents * 16];
        // SAFETY: the kernel writes at most BatchEvents structures of 12 or 16 bytes; the local array holds that many of 16.
        int count = epoll_wait(this, (nint)events, Math.Min(BatchEvents, ready.Length), timeoutMs);
        if (count < 0) return Marshal.GetLastPInvokeError() is var errno && errno == Errno.EINTR ? 0 : -errno;
        int stride = Packed ? 12 : 16;
        for (int i = 0; i < count; i++)
        {
            byte* entry = events + (i * stride);
            ready[i] = new EpollEvent(Unsafe.ReadUnaligned<ulong>(entry + stride - 8), Unsafe.ReadUnaligned<uint>(entry));
        }

        return count;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    private unsafe int Control(int operation, int descriptor, uint events, ulong data)
    {
        byte* entry = stackalloc byte[16];
        // SAFETY: both writes lie inside the local's 16 bytes; the kernel reads 12 or 16 of them.
        Unsafe.WriteUnaligned(entry, events);
        Unsafe.WriteUnaligned(entry + (Packed ? 4 : 8), data);
        return epoll_ctl(this, operation, descriptor, (nint)entry) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(EpollSet set, int operation, int descriptor, nint data);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(EpollSet set, nint events, int maximum, int timeoutMs);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
