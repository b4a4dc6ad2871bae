using System.Globalization;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Protocol.Sockets;
using VmBus.Sockets.Connectors;

namespace VmBus.Sockets;

/// <summary>
/// Unix sockets beside one path, where programs of the host meet a guest: one that connects to <c>PATH</c> and says <c>CONNECT P</c> wants the guest's
/// listener on port P; what the guest connects to on port P is at <c>PATH_P</c>.
/// </summary>
/// <remarks>Knows nothing of how the guest is reached. Members may be called from any thread but a lane, except <see cref="TryConnect"/>. Source: protocol-spec/sockets.md#host.</remarks>
public sealed class HostSockets : IDisposable
{
    // Programs that have connected and not yet said what they want.
    private const int MaximumClients = 128;
    private const int AcceptsPerTurn = 16;
    private static readonly TimeSpan LinePatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AcceptPause = TimeSpan.FromSeconds(1);

    private readonly string _path;
    private readonly LinuxFile _listener;
    private readonly HostConnector? _connector;
    private readonly List<SocketClient> _clients = [];
    private Action<LinuxFile, ConnectRequest>? _connect;
    private Lane? _lane;
    private LaneWatch? _watch;
    private Timer? _pause;

    private HostSockets(string path, LinuxFile listener, HostConnector? connector)
    {
        _path = path;
        _listener = listener;
        _connector = connector;
    }

    /// <summary>Listens at <paramref name="path"/>, which only its owner may connect to. A socket that a dead process left there is replaced.</summary>
    /// <exception cref="IOException">The path is taken, too long or not to be written; the message says which and what to do.</exception>
    public static HostSockets Listen(string path) => new(path, Claim(path), connector: null);

    /// <summary>Uses a socket that another process has made by <see cref="Claim"/>.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="listener">The socket; it is this object's.</param>
    /// <param name="connector">By whom programs of the host are reached, who becomes this object's; null where this process may connect to them.</param>
    public static HostSockets Take(string path, LinuxFile listener, HostConnector? connector) => new(path, listener, connector);

    /// <summary>The socket of <see cref="Listen"/>, for <see cref="Take"/>.</summary>
    /// <exception cref="IOException">The path is taken, too long or not to be written; the message says which and what to do.</exception>
    public static LinuxFile Claim(string path)
    {
        // Room for the underscore and the longest name of a service behind it.
        const int LongestSuffix = 1 + 36;
        return UnixSocket.Claim(path, blocking: false, LongestSuffix);
    }

    /// <summary>Begins to take programs in. Called once.</summary>
    /// <param name="lane">Where.</param>
    /// <param name="connect">Called there with each program's connection, non-blocking, which is the receiver's, and what the program wants.</param>
    public void Start(Lane lane, Action<LinuxFile, ConnectRequest> connect)
    {
        ArgumentNullException.ThrowIfNull(lane);
        _connect = connect;
        _lane = lane;
        lane.Invoke(() => _watch = lane.WatchReadiness(_listener, LaneReadiness.Readable, new AcceptHandler(this)));
    }

    /// <summary>Connects to the program that serves a service of the host. Any thread; waits for no program.</summary>
    /// <returns>The connection, non-blocking; null, with <paramref name="errno"/> set, when there is no such program.</returns>
    public LinuxFile? TryConnect(Guid service, out int errno) => _connector is null ? ConnectTo(_path, service, out errno) : _connector.TryConnect(service, out errno);

    /// <summary>The same for a path, with the rights of this process.</summary>
    internal static LinuxFile? ConnectTo(string path, Guid service, out int errno)
    {
        errno = Errno.ENOENT;
        LinuxFile? socket = null;
        if (SocketInterface.TryGetPort(service, out uint port))
            socket = UnixSocket.TryConnect(string.Create(CultureInfo.InvariantCulture, $"{path}_{port}"), out errno);
        if (socket is not null) return socket;
        socket = UnixSocket.TryConnect($"{path}_{service:D}", out int other);
        // The first refusal that is more than a missing file tells most.
        if (errno == Errno.ENOENT) errno = other;
        return socket;
    }

    /// <summary>Says the words that a program gets when the guest has taken its connection, the first on it.</summary>
    public static void Greet(LinuxFile socket, ReadOnlySpan<byte> words)
    {
        if (words.IsEmpty) return;
        // An empty socket takes these few bytes; if the other end has gone, whoever carries bytes to it finds that out.
        using var greeting = new BounceBuffer(words.Length);
        words.CopyTo(greeting.Data);
        _ = LinuxFile.Write(socket, greeting.Vector(words.Length), 1, -1, 0);
    }

    /// <summary>Takes nobody in any more. The lane still runs.</summary>
    public void End()
    {
        _lane?.Invoke(() =>
        {
            _watch?.Dispose();
            foreach (SocketClient client in _clients.ToArray()) client.Dispose();
        });
        _pause?.Dispose();
    }

    /// <summary>Closes and removes the socket, after <see cref="End"/>.</summary>
    public void Dispose()
    {
        if (_listener.IsClosed) return;
        _listener.Dispose();
        _connector?.Dispose();
        try
        {
            File.Delete(_path);
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or DirectoryNotFoundException)
        {
            // It is whoever has made it for this process who removes it.
        }
    }

    private void Accept()
    {
        for (int i = 0; i < AcceptsPerTurn; i++)
        {
            if (UnixSocket.TryAccept(_listener, out int errno) is { } socket)
            {
                if (_clients.Count < MaximumClients) _clients.Add(new SocketClient(_lane!, socket, LinePatience, Decided));
                else socket.Dispose();
                continue;
            }

            // Without a descriptor to spare the connection stays where it is; looking again at once would find the same.
            if (errno != Errno.EAGAIN) Pause();
            return;
        }
    }

    private void Pause()
    {
        _watch!.Change(LaneReadiness.None);
        _pause?.Dispose();
        _pause = new Timer(_ => PostResume(), null, AcceptPause, Timeout.InfiniteTimeSpan);
    }

    private void PostResume()
    {
        try
        {
            _lane!.Post(() => _watch!.Change(LaneReadiness.Readable));
        }
        catch (ObjectDisposedException)
        {
            // The lane has ended.
        }
    }

    private void Decided(SocketClient client, LinuxFile? socket, ConnectRequest request)
    {
        _clients.Remove(client);
        if (socket is not null) _connect!(socket, request);
    }

    private sealed class AcceptHandler(HostSockets sockets) : ILaneHandler
    {
        public bool Run()
        {
            sockets.Accept();
            return false;
        }
    }
}
