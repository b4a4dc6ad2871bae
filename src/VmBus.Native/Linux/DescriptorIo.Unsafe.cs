using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Plain reads, writes and waits on descriptors that this process was given: standard input and output.</summary>
/// <remarks>Source: poll(2), read(2), write(2).</remarks>
public static partial class DescriptorIo
{
    private const short POLLIN = 1;
    private const short POLLOUT = 4;
    private const short POLLRDHUP = 0x2000;

    /// <summary>Waits until input has something to read (or its end), output can take bytes, or the wake-up was signalled.</summary>
    /// <param name="input">Descriptor to read from, or -1.</param>
    /// <param name="output">Descriptor to write to, or -1.</param>
    /// <param name="wake">Ends the wait; not drained.</param>
    /// <returns>Which of input and output are ready.</returns>
    public static unsafe (bool Readable, bool Writable) Wait(int input, int output, EventFd wake)
    {
        PollEntry* entries = stackalloc PollEntry[3];
        entries[0] = new PollEntry { Descriptor = input, Events = POLLIN };
        entries[1] = new PollEntry { Descriptor = output, Events = POLLOUT };
        entries[2] = new PollEntry { Descriptor = wake.Descriptor, Events = POLLIN };
        // SAFETY: three entries on the stack; negative descriptors are skipped by the kernel.
        while (poll((nint)entries, 3, -1) < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR)
        {
        }

        return (entries[0].Ready != 0, entries[1].Ready != 0);
    }

    /// <summary>Waits until there is something to read (or an end or a failure to be told of), or the wake-up was signalled.</summary>
    /// <param name="input">Descriptor to read from.</param>
    /// <param name="wake">Ends the wait; not drained.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for any time.</param>
    public static unsafe (bool Readable, bool Woken) WaitForInput(int input, EventFd wake, TimeSpan timeout)
    {
        PollEntry* entries = stackalloc PollEntry[2];
        entries[0] = new PollEntry { Descriptor = input, Events = POLLIN };
        entries[1] = new PollEntry { Descriptor = wake.Descriptor, Events = POLLIN };
        int milliseconds = timeout == Timeout.InfiniteTimeSpan ? -1 : (int)Math.Clamp(Math.Ceiling(timeout.TotalMilliseconds), 0, int.MaxValue);
        // SAFETY: two entries on the stack. Interrupted by a signal it ends early, which callers allow.
        return poll((nint)entries, 2, milliseconds) > 0 ? (entries[0].Ready != 0, entries[1].Ready != 0) : (false, false);
    }

    /// <summary>Waits until the other end of a connection is closed, another descriptor has something to read, or the wake-up was signalled.</summary>
    /// <param name="connection">The connection; what it has to read does not end the wait.</param>
    /// <param name="input">Descriptor to read from, or -1.</param>
    /// <param name="wake">Ends the wait; not drained.</param>
    public static unsafe (bool Ended, bool Readable, bool Woken) WaitForEnd(int connection, int input, EventFd wake)
    {
        PollEntry* entries = stackalloc PollEntry[3];
        entries[0] = new PollEntry { Descriptor = connection, Events = POLLRDHUP };
        entries[1] = new PollEntry { Descriptor = input, Events = POLLIN };
        entries[2] = new PollEntry { Descriptor = wake.Descriptor, Events = POLLIN };
        // SAFETY: three entries on the stack; negative descriptors are skipped by the kernel.
        while (poll((nint)entries, 3, -1) < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR)
        {
        }

        return (entries[0].Ready != 0, entries[1].Ready != 0, entries[2].Ready != 0);
    }

    /// <summary>Whether a write would be taken now.</summary>
    public static unsafe bool CanWrite(int descriptor)
    {
        var entry = new PollEntry { Descriptor = descriptor, Events = POLLOUT };
        // SAFETY: one entry, a local.
        return poll((nint)(&entry), 1, 0) == 1 && (entry.Ready & POLLOUT) != 0;
    }

    /// <summary>Reads once.</summary>
    /// <returns>Bytes read, 0 at the end, negative errno on failure.</returns>
    public static unsafe int Read(int descriptor, Span<byte> buffer)
    {
        fixed (byte* address = buffer)
        {
            while (true)
            {
                // SAFETY: the kernel writes at most buffer.Length bytes to pinned memory.
                nint done = read(descriptor, (nint)address, buffer.Length);
                if (done >= 0) return (int)done;
                int errno = Marshal.GetLastPInvokeError();
                if (errno != Errno.EINTR) return -errno;
            }
        }
    }

    /// <summary>Writes once.</summary>
    /// <returns>Bytes taken, or negative errno.</returns>
    public static unsafe int Write(int descriptor, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* address = bytes)
        {
            while (true)
            {
                // SAFETY: the kernel reads at most bytes.Length bytes of pinned memory.
                nint done = write(descriptor, (nint)address, bytes.Length);
                if (done >= 0) return (int)done;
                int errno = Marshal.GetLastPInvokeError();
                if (errno != Errno.EINTR) return -errno;
            }
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(nint entries, nuint count, int timeoutMs);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int descriptor, nint buffer, nint bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int descriptor, nint buffer, nint bytes);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Ready;
    }
}
