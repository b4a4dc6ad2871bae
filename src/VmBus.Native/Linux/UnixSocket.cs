using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace VmBus.Native.Linux;

/// <summary>Stream sockets that have a path. All are close-on-exec. Any thread. Source: unix(7), accept4(2), shutdown(2).</summary>
public static partial class UnixSocket
{
    /// <summary>Bytes of the longest path that an address holds.</summary>
    public const int MaximumPathBytes = PathBytes - 1;

    private const int AF_UNIX = 1;
    private const int SOCK_STREAM = 1;
    private const int SOCK_CLOEXEC = 0x80000;
    private const int SOCK_NONBLOCK = 0x800;
    private const int SHUT_RD = 0;
    private const int SHUT_WR = 1;
    private const int PathBytes = 108;
    private const int Backlog = 128;
    private const int OwnerOnly = 0x180;

    /// <summary>Binds a socket to <paramref name="path"/>, which must not exist, and listens; only the owner may connect.</summary>
    /// <param name="path">Where.</param>
    /// <param name="blocking">Whether <see cref="TryAccept"/>, or whoever gets the socket, waits for connections.</param>
    /// <param name="errno">Why not.</param>
    /// <returns>Null when the kernel refuses.</returns>
    public static LinuxFile? TryListen(string path, bool blocking, out int errno)
    {
        Span<byte> address = stackalloc byte[sizeof(ushort) + PathBytes];
        if (!TryDescribe(path, address))
        {
            errno = Errno.EINVAL;
            return null;
        }

        int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (descriptor < 0) return null;
        var listener = new LinuxFile(descriptor);
        // In this order nobody else gets in: until it listens, every connect is refused.
        if (bind(listener, address, address.Length) >= 0 && chmod(path, OwnerOnly) >= 0 && listen(listener, Backlog) >= 0) return listener;
        errno = Marshal.GetLastPInvokeError();
        listener.Dispose();
        return null;
    }

    /// <summary>As <see cref="TryListen"/>, and a socket that a dead process left at <paramref name="path"/> is replaced.</summary>
    /// <param name="path">Where.</param>
    /// <param name="blocking">Whether <see cref="TryAccept"/> waits for connections.</param>
    /// <param name="reservedBytes">Bytes that longer paths made from this one need.</param>
    /// <exception cref="IOException">The path is taken, too long or not to be written; the message says which and what to do.</exception>
    public static LinuxFile Claim(string path, bool blocking, int reservedBytes = 0)
    {
        int longest = MaximumPathBytes - reservedBytes;
        if (Encoding.UTF8.GetByteCount(path) > longest)
            throw new IOException($"Socket path '{path}' is too long: the system allows {longest} bytes here; choose a shorter one.");
        LinuxFile? listener = TryListen(path, blocking, out int errno);
        if (listener is null && errno == Errno.EADDRINUSE)
        {
            using LinuxFile? other = TryConnect(path, out int refusal);
            // A file of another kind refuses as well, and is not ours to remove.
            if (other is not null || refusal != Errno.ECONNREFUSED || !FileStatus.IsSocket(path))
                throw new IOException($"Socket path '{path}' is in use: choose another, or end the program that listens there, or remove the file.");
            File.Delete(path);
            listener = TryListen(path, blocking, out errno);
        }

        return listener ?? throw new IOException($"Socket path '{path}' cannot be used: {LinuxException.DescribeError(errno)}; choose a path in a folder that can be written.");
    }

    /// <summary>Takes a connection that waits; it is non-blocking.</summary>
    /// <returns>Null, with <paramref name="errno"/> set, when none waits (EAGAIN) or there is no descriptor for it.</returns>
    public static LinuxFile? TryAccept(LinuxFile listener, out int errno)
    {
        int descriptor;
        do
        {
            descriptor = accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
            errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
        while (errno is Errno.EINTR or Errno.ECONNABORTED);
        return descriptor < 0 ? null : new LinuxFile(descriptor);
    }

    /// <summary>Connects without waiting; the connection is non-blocking.</summary>
    /// <returns>Null, with <paramref name="errno"/> set, when nobody listens there, or too many wait already (EAGAIN).</returns>
    public static LinuxFile? TryConnect(string path, out int errno)
    {
        Span<byte> address = stackalloc byte[sizeof(ushort) + PathBytes];
        errno = Errno.EINVAL;
        if (!TryDescribe(path, address)) return null;
        int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (descriptor < 0) return null;
        var connection = new LinuxFile(descriptor);
        errno = connect(connection, address, address.Length) < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (errno == 0) return connection;
        connection.Dispose();
        return null;
    }

    /// <summary>Whether a descriptor is one end of a connection.</summary>
    public static bool IsConnected(LinuxFile descriptor)
    {
        Span<byte> address = stackalloc byte[sizeof(ushort) + PathBytes];
        int bytes = address.Length;
        return getpeername(descriptor, address, ref bytes) >= 0;
    }

    /// <summary>Tells the other end that nothing follows; it may still send.</summary>
    public static void EndSending(LinuxFile connection) => _ = shutdown(connection, SHUT_WR);

    /// <summary>Tells the other end that nothing it sends is read any more (EPIPE); it may still receive.</summary>
    public static void EndReceiving(LinuxFile connection) => _ = shutdown(connection, SHUT_RD);

    private static bool TryDescribe(string path, Span<byte> address)
    {
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, AF_UNIX);
        if (path.Length == 0 || Encoding.UTF8.GetByteCount(path) > MaximumPathBytes) return false;
        Encoding.UTF8.GetBytes(path, address[sizeof(ushort)..]);
        return true;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(LinuxFile socket, Span<byte> address, int bytes);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chmod(string path, int mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int listen(LinuxFile socket, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int accept4(LinuxFile socket, nint address, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(LinuxFile socket, Span<byte> address, int bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getpeername(LinuxFile socket, Span<byte> address, ref int bytes);

    [LibraryImport("libc")]
    private static partial int shutdown(LinuxFile socket, int direction);
}
