using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace VmBus.Native.Linux;

/// <summary>Connects to stream sockets that have a path. Source: unix(7).</summary>
public static partial class UnixStream
{
    private const int AF_UNIX = 1;
    private const int SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0x800 | 0x80000;
    private const int PathBytes = 108;

    /// <summary>Connects without waiting; the connection is non-blocking and close-on-exec.</summary>
    /// <returns>Null, with <paramref name="errno"/> set, when nobody listens there.</returns>
    public static LinuxFile? TryConnect(string path, out int errno)
    {
        Span<byte> address = stackalloc byte[2 + PathBytes];
        address.Clear();
        errno = Errno.EINVAL;
        if (Encoding.UTF8.GetByteCount(path) >= PathBytes) return null;
        BinaryPrimitives.WriteUInt16LittleEndian(address, AF_UNIX);
        Encoding.UTF8.GetBytes(path, address[2..]);
        int descriptor = socket(AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (descriptor < 0) return null;
        var file = new LinuxFile(descriptor);
        errno = connect(file, address, address.Length) < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (errno == 0) return file;
        file.Dispose();
        return null;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(LinuxFile socket, Span<byte> address, int bytes);
}
