using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Two stream sockets that are connected to each other, for a child and its parent. Source: unix(7), socketpair(2).</summary>
public static partial class UnixStream
{
    private const int AF_UNIX = 1;
    private const int SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0x800 | 0x80000;
    private const int MSG_PEEK_DONTWAIT = 2 | 0x40;
    private const nuint SIOCOUTQ = 0x5411;

    /// <summary>Makes a pair, both close-on-exec: one end is non-blocking, and the other, which a program expects as it comes, is not.</summary>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public static (LinuxFile Ours, LinuxFile Theirs) CreatePair()
    {
        Span<int> ends = stackalloc int[2];
        if (socketpair(AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0, ends) < 0)
            throw new LinuxException("Making a pair of sockets failed", Marshal.GetLastPInvokeError());
        var theirs = new LinuxFile(ends[1]);
        _ = theirs.EnableBlocking();
        return (new LinuxFile(ends[0]), theirs);
    }

    /// <summary>Whether the other end is open and has read all that was sent.</summary>
    public static bool HasBeenRead(LinuxFile socket)
    {
        // What was not read before the end does not wait any more, so the end is looked for after that.
        Span<byte> next = stackalloc byte[1];
        if (ioctl(socket, SIOCOUTQ, out int waiting) < 0 || waiting != 0) return false;
        return recv(socket, next, next.Length, MSG_PEEK_DONTWAIT) > 0 || Marshal.GetLastPInvokeError() == Errno.EAGAIN;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socketpair(int family, int type, int protocol, Span<int> ends);

    [LibraryImport("libc")]
    private static partial int ioctl(LinuxFile socket, nuint request, out int value);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(LinuxFile socket, Span<byte> buffer, nint bytes, int flags);
}
