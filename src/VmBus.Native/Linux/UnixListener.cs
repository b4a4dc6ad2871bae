using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace VmBus.Native.Linux;

/// <summary>A listening stream socket for a child to serve, that only this process finds and that leaves nothing in the file system.</summary>
/// <remarks>
/// It is bound in a private folder, and both are removed before anybody serves: connections go by a handle on the socket's place, which needs no
/// name any more. Any thread. Source: unix(7), open(2) O_PATH.
/// </remarks>
public sealed partial class UnixListener : IDisposable
{
    private const int AF_UNIX = 1;
    private const int SOCK_STREAM_CLOEXEC = 1 | 0x80000;
    private const int PathBytes = 108;
    private const int Backlog = 64;

    private readonly LinuxFile _place;

    private UnixListener(LinuxFile socket, LinuxFile place)
    {
        Socket = socket;
        _place = place;
    }

    /// <summary>The socket. Whoever has given it to the server disposes it: a server that has ended refuses then, and does not keep its clients waiting.</summary>
    public LinuxFile Socket { get; }

    /// <summary>Where this process connects to, as long as this object lives.</summary>
    public string Path => string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{_place.Descriptor}");

    /// <summary>Makes one.</summary>
    /// <exception cref="LinuxException">There is no place for it, or no descriptor.</exception>
    public static UnixListener Create()
    {
        // Its mode is 0700: in the moment that there is a name, nobody else may connect.
        string folder = Directory.CreateTempSubdirectory("vmbus-").FullName;
        try
        {
            string path = System.IO.Path.Combine(folder, "s");
            LinuxFile socket = Listen(path);
            if (LinuxFile.TryOpen(path, LinuxOpen.Place, out int errno) is { } place) return new UnixListener(socket, place);
            socket.Dispose();
            throw new LinuxException("Opening a socket's place failed", errno);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Socket.Dispose();
        _place.Dispose();
    }

    private static LinuxFile Listen(string path)
    {
        Span<byte> address = stackalloc byte[sizeof(ushort) + PathBytes];
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, AF_UNIX);
        if (Encoding.UTF8.GetByteCount(path) >= PathBytes) throw new LinuxException($"The folder for temporary files has too long a name for a socket ({path})", Errno.EINVAL);
        Encoding.UTF8.GetBytes(path, address[sizeof(ushort)..]);
        int descriptor = socket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
        if (descriptor < 0) throw new LinuxException("Making a socket failed", Marshal.GetLastPInvokeError());
        var listener = new LinuxFile(descriptor);
        if (bind(listener, address, address.Length) >= 0 && listen(listener, Backlog) >= 0) return listener;
        int errno = Marshal.GetLastPInvokeError();
        listener.Dispose();
        throw new LinuxException("Making a socket listen failed", errno);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(LinuxFile socket, Span<byte> address, int bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int listen(LinuxFile socket, int backlog);
}
