namespace VmBus.Native.Linux;

/// <summary>A listening stream socket for a child to serve, that only this process finds and that leaves nothing in the file system.</summary>
/// <remarks>
/// It is bound in a private folder, and both are removed before anybody serves: connections go by a handle on the socket's place, which needs no
/// name any more. Any thread. Source: unix(7), open(2) O_PATH.
/// </remarks>
public sealed class UnixListener : IDisposable
{
    private UnixListener(LinuxFile socket, LinuxFile place)
    {
        Socket = socket;
        Place = new SocketPlace(place);
    }

    /// <summary>The socket. Whoever has given it to the server disposes it: a server that has ended refuses then, and does not keep its clients waiting.</summary>
    public LinuxFile Socket { get; }

    /// <summary>Where one connects to it, as long as this object lives.</summary>
    public SocketPlace Place { get; }

    /// <summary>Where this process connects to, as long as this object lives.</summary>
    public string Path => Place.Path;

    /// <summary>Makes one.</summary>
    /// <exception cref="LinuxException">There is no place for it, or no descriptor.</exception>
    public static UnixListener Create()
    {
        // Its mode is 0700: in the moment that there is a name, nobody else may connect.
        string folder = Directory.CreateTempSubdirectory("vmbus-").FullName;
        try
        {
            string path = System.IO.Path.Combine(folder, "s");
            LinuxFile socket = UnixSocket.TryListen(path, blocking: true, out int errno)
                ?? throw new LinuxException($"Making the socket {path} listen failed", errno);
            if (LinuxFile.TryOpen(path, LinuxOpen.Place, out errno) is { } place) return new UnixListener(socket, place);
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
        Place.Dispose();
    }
}
