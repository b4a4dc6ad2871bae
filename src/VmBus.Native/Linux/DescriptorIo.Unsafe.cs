using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Plain reads, writes and waits on descriptors that this process was given: standard input and output.</summary>
/// <remarks>Source: poll(2), read(2), write(2).</remarks>
public static partial class DescriptorIo
{
    /// <summary>Waits until input has something to read (or its end), output can take bytes, or the wake-up was signalled.</summary>
    /// <param name="input">Descriptor to read from, or -1.</param>
    /// <param name="output">Descriptor to write to, or -1.</param>
    /// <param name="wake">Ends the wait; not drained.</param>
    /// <returns>Which of input and output are ready.</returns>
    public static (bool Readable, bool Writable) Wait(int input, int output, EventFd wake)
    {
        Span<PollEntry> entries =
        [
            new() { Descriptor = input, Events = Poll.POLLIN },
            new() { Descriptor = output, Events = Poll.POLLOUT },
            new() { Descriptor = wake.Descriptor, Events = Poll.POLLIN },
        ];
        _ = Poll.Wait(entries, -1);
        return (entries[0].Ready != 0, entries[1].Ready != 0);
    }

    /// <summary>Waits until there is something to read (or an end or a failure to be told of), or the wake-up was signalled.</summary>
    /// <param name="input">Descriptor to read from.</param>
    /// <param name="wake">Ends the wait; not drained.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for any time.</param>
    public static (bool Readable, bool Woken) WaitForInput(int input, EventFd wake, TimeSpan timeout)
    {
        Span<PollEntry> entries = [new() { Descriptor = input, Events = Poll.POLLIN }, new() { Descriptor = wake.Descriptor, Events = Poll.POLLIN }];
        int milliseconds = timeout == Timeout.InfiniteTimeSpan ? -1 : (int)Math.Clamp(Math.Ceiling(timeout.TotalMilliseconds), 0, int.MaxValue);
        return Poll.Wait(entries, milliseconds) > 0 ? (entries[0].Ready != 0, entries[1].Ready != 0) : (false, false);
    }

    /// <summary>Waits until the other end of a connection is closed, another descriptor has something to read, or the wake-up was signalled.</summary>
    /// <param name="connection">The connection; what it has to read does not end the wait.</param>
    /// <param name="input">Descriptor to read from, or -1.</param>
    /// <param name="wake">Ends the wait; not drained.</param>
    public static (bool Ended, bool Readable, bool Woken) WaitForEnd(int connection, int input, EventFd wake)
    {
        Span<PollEntry> entries =
        [
            new() { Descriptor = connection, Events = Poll.POLLRDHUP },
            new() { Descriptor = input, Events = Poll.POLLIN },
            new() { Descriptor = wake.Descriptor, Events = Poll.POLLIN },
        ];
        _ = Poll.Wait(entries, -1);
        return (entries[0].Ready != 0, entries[1].Ready != 0, entries[2].Ready != 0);
    }

    /// <summary>Whether a write would be taken now.</summary>
    public static bool CanWrite(int descriptor)
    {
        var entry = new PollEntry { Descriptor = descriptor, Events = Poll.POLLOUT };
        return Poll.Wait(ref entry, 0) == 1 && (entry.Ready & Poll.POLLOUT) != 0;
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
    private static partial nint read(int descriptor, nint buffer, nint bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int descriptor, nint buffer, nint bytes);
}
