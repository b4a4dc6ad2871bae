using System.Diagnostics;
using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>poll(2), whose wait no signal cuts short: the runtime sends signals to its own threads whenever it collects garbage.</summary>
/// <remarks>Any thread. Source: poll(2), signal(7).</remarks>
internal static partial class Poll
{
    /// <summary>There is something to read, or the end.</summary>
    public const short POLLIN = 1;

    /// <summary>There is room to write.</summary>
    public const short POLLOUT = 4;

    /// <summary>The other end sends no more.</summary>
    public const short POLLRDHUP = 0x2000;

    /// <summary>Waits until one is ready.</summary>
    /// <param name="entries">What is waited for; negative descriptors are left out.</param>
    /// <param name="timeoutMs">How long at most; negative for ever.</param>
    /// <returns>How many are ready; 0 when none is after that time; negative errno.</returns>
    public static unsafe int Wait(Span<PollEntry> entries, int timeoutMs)
    {
        long started = timeoutMs > 0 ? Stopwatch.GetTimestamp() : 0;
        int left = timeoutMs;
        fixed (PollEntry* first = entries)
        {
            while (true)
            {
                // SAFETY: pinned memory with its count.
                int ready = poll((nint)first, (nuint)entries.Length, left);
                if (ready >= 0) return ready;
                int errno = Marshal.GetLastPInvokeError();
                if (errno != Errno.EINTR) return -errno;
                if (timeoutMs > 0) left = (int)Math.Max(0, timeoutMs - (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }
        }
    }

    /// <summary>As <see cref="Wait(Span{PollEntry}, int)"/>, for one.</summary>
    public static int Wait(ref PollEntry entry, int timeoutMs) => Wait(new Span<PollEntry>(ref entry), timeoutMs);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(nint entries, nuint count, int timeoutMs);
}

/// <summary>struct pollfd.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollEntry
{
    /// <summary>Which file.</summary>
    public int Descriptor;

    /// <summary>What is waited for.</summary>
    public short Events;

    /// <summary>What is there.</summary>
    public short Ready;
}
