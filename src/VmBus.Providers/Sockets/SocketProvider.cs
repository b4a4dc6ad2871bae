using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using VmBus.Bus;
using VmBus.Bus.Devices;
using VmBus.Bus.Ports;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Sockets;

namespace VmBus.Providers.Sockets;

/// <summary>
/// Hyper-V sockets of one partition, relayed to Unix sockets: a guest's connect to port P goes to the socket <c>PATH_P</c>, and a program of the
/// host that connects to <c>PATH</c> and says <c>CONNECT P</c> gets to the guest's listener on port P.
/// </summary>
/// <remarks>Members may be called from any thread but a lane, except <see cref="TryConnect"/>. Source: protocol-spec/sockets.md.</remarks>
public sealed class SocketProvider : IConnectPort, ISocketBroker, IDisposable
{
    /// <summary>Connections at a time, with those that wait for the guest.</summary>
    public const int MaximumConnections = 1024;

    // Programs that have connected and not yet said what they want.
    private const int MaximumClients = 128;
    private const int AcceptsPerTurn = 16;

    // Where Linux and other monitors begin with ports that nobody asked for.
    private const uint FirstHostPort = 1u << 30;

    // A guest opens at once or never, but one after the other: as long as it opens some, the others get more time. A busy host starves it for seconds.
    private static readonly TimeSpan OpenPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LinePatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AcceptPause = TimeSpan.FromSeconds(1);

    private readonly string? _path;
    private readonly SocketLog _log;
    private readonly LinuxFile? _listener;
    private readonly Lock _gate = new();
    private readonly HashSet<SocketConnection> _connections = [];
    private readonly List<SocketClient> _clients = [];
    private VmBusServer? _bus;
    private LaneWatch? _watch;
    private Timer? _pause;
    private uint _nextHostPort = FirstHostPort;
    private bool _ended;
    private long _lastOpened;

    private SocketProvider(string? path, LinuxFile? listener, ILogger logger)
    {
        _path = path;
        _listener = listener;
        _log = new SocketLog(logger);
    }

    /// <summary>Connections that the guest has, or is offered.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _connections.Count;
        }
    }

    /// <summary>Listens at <paramref name="path"/>, which only its owner may connect to. A socket that a dead process left there is replaced.</summary>
    /// <exception cref="IOException">The path is taken, too long or not to be written; the message says which and what to do.</exception>
    public static SocketProvider Listen(string path, ILogger logger)
    {
        // Room for the underscore and the longest name of a service behind it.
        const int LongestSuffix = 1 + 36;
        return new SocketProvider(path, UnixSocket.Claim(path, blocking: false, LongestSuffix), logger);
    }

    /// <summary>A provider that no program of the host sees: only <see cref="Connect(uint)"/> makes connections.</summary>
    public static SocketProvider CreatePrivate(ILogger logger) => new(path: null, listener: null, logger);

    /// <summary>Begins to serve. Called once.</summary>
    public void Attach(VmBusServer bus)
    {
        _bus = bus;
        if (_listener is null) return;
        bus.ControlLane.Invoke(() => _watch = bus.ControlLane.WatchReadiness(_listener, LaneReadiness.Readable, new AcceptHandler(this)));
    }

    /// <inheritdoc/>
    public bool TryConnect(in TlConnectRequest request)
    {
        Guid service = request.ServiceId, endpoint = request.EndpointId;
        if (_path is null)
        {
            _log.Refused(service, "no program of the host is to be reached");
            return false;
        }

        LinuxFile? socket = null;
        int errno = Errno.ENOENT;
        if (SocketInterface.TryGetPort(service, out uint port))
            socket = UnixSocket.TryConnect(string.Create(CultureInfo.InvariantCulture, $"{_path}_{port}"), out errno);
        socket ??= UnixSocket.TryConnect($"{_path}_{service:D}", out int other) ?? Explain(ref errno, other);
        if (socket is null)
        {
            _log.Refused(service, LinuxException.DescribeError(errno));
            return false;
        }

        var connection = new SocketConnection(Describe(service, endpoint, fromHost: false), socket, [], this);
        if (!TryAdd(connection)) return false;
        // Not from within the message that asks for it.
        _bus!.ControlLane.Post(() => Offer(connection));
        _log.Connected(service, endpoint, fromHost: false);
        return true;
    }

    /// <summary>Connects this process to the guest's listener on a port.</summary>
    /// <returns>
    /// The other end of the connection, blocking, which is the caller's. What it gets first is the answer that a program at <c>PATH</c> gets, when the guest has taken
    /// the connection; its end without one says that the guest has not.
    /// </returns>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    /// <exception cref="ObjectDisposedException">The bus has ended.</exception>
    public LinuxFile Connect(uint port)
    {
        (LinuxFile near, LinuxFile far) = UnixStream.CreatePair();
        try
        {
            _bus!.ControlLane.Post(() => Connect(near, new ConnectRequest(SocketInterface.FromPort(port), ByPort: true)));
            return far;
        }
        catch
        {
            near.Dispose();
            far.Dispose();
            throw;
        }
    }

    /// <summary>The machine has been reset: what was offered to the guest before is not for the next one.</summary>
    public void Reset()
    {
        foreach (SocketConnection connection in Snapshot()) connection.GiveUp();
    }

    /// <summary>Takes no connections any more. The bus still runs.</summary>
    public void End()
    {
        lock (_gate)
        {
            if (_ended) return;
            _ended = true;
        }

        _bus?.ControlLane.Invoke(() =>
        {
            _watch?.Dispose();
            foreach (SocketClient client in _clients.ToArray()) client.Dispose();
        });
        _pause?.Dispose();
        Reset();
    }

    /// <summary>Closes and removes the socket. The bus has ended.</summary>
    public void Dispose()
    {
        if (_listener is null || _listener.IsClosed) return;
        _listener.Dispose();
        File.Delete(_path!);
    }

    private static LinuxFile? Explain(ref int errno, int other)
    {
        // The first refusal that is more than a missing file tells most.
        if (errno == Errno.ENOENT) errno = other;
        return null;
    }

    private static ChannelOffer Describe(Guid service, Guid endpoint, bool fromHost) =>
        new(service, endpoint, (ushort)SocketInterface.Flags, UserDefined: SocketInterface.UserDefined(fromHost));

    private SocketConnection[] Snapshot()
    {
        lock (_gate) return [.. _connections];
    }

    private bool TryAdd(SocketConnection connection)
    {
        lock (_gate)
        {
            if (!_ended && _connections.Count < MaximumConnections)
            {
                _connections.Add(connection);
                return true;
            }
        }

        _log.Refused(connection.Offer.InterfaceType, _ended ? "the partition ends" : "there are too many connections");
        connection.Dispose();
        return false;
    }

    // On the control lane.
    private void Offer(SocketConnection connection)
    {
        // A reset may have come before its turn.
        if (!connection.IsWaiting) return;
        try
        {
            connection.Limit(OpenPatience);
            _bus!.Offer(connection);
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            // The guest uses an endpoint twice, or keeps all channel ids.
            _log.Refused(connection.Offer.InterfaceType, exception.Message);
            connection.GiveUp();
        }
    }

    void ISocketBroker.Opened() => Volatile.Write(ref _lastOpened, Stopwatch.GetTimestamp());

    void ISocketBroker.Expired(SocketConnection connection)
    {
        TimeSpan idle = Stopwatch.GetElapsedTime(Volatile.Read(ref _lastOpened));
        if (idle >= OpenPatience || Stopwatch.GetElapsedTime(connection.Made) >= LongestPatience) connection.GiveUp();
        else connection.Limit(OpenPatience - idle);
    }

    void ISocketBroker.Ended(SocketConnection connection, bool opened)
    {
        bool known;
        lock (_gate) known = _connections.Remove(connection);
        if (!known) return;
        if (!opened) _log.Unopened(connection.Offer.InterfaceType);
        try
        {
            _bus!.BeginRemove(connection);
        }
        catch (ObjectDisposedException)
        {
            // The bus has ended, and took the connection along.
        }
    }

    private void Accept()
    {
        for (int i = 0; i < AcceptsPerTurn; i++)
        {
            if (UnixSocket.TryAccept(_listener!, out int errno) is { } socket)
            {
                if (_clients.Count < MaximumClients) _clients.Add(new SocketClient(_bus!.ControlLane, socket, LinePatience, Decided));
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
            _bus!.ControlLane.Post(() => _watch!.Change(LaneReadiness.Readable));
        }
        catch (ObjectDisposedException)
        {
            // The bus has ended.
        }
    }

    // On the control lane.
    private void Decided(SocketClient client, LinuxFile? socket, ConnectRequest request)
    {
        _clients.Remove(client);
        if (socket is not null) Connect(socket, request);
    }

    // On the control lane.
    private void Connect(LinuxFile socket, ConnectRequest request)
    {
        if (_bus!.Version is not { } version || version < ProtocolVersion.V4_0)
        {
            _log.Refused(request.Service, "the guest has no sockets (it is not connected, or its VMBus version is below 4.0)");
            socket.Dispose();
            return;
        }

        Guid endpoint = NextEndpoint();
        var connection = new SocketConnection(Describe(request.Service, endpoint, fromHost: true), socket, request.Answer(endpoint), this);
        if (!TryAdd(connection)) return;
        Offer(connection);
        _log.Connected(request.Service, endpoint, fromHost: true);
    }

    // The guest tells connections apart by these, and shows the first 32 bits as the other end's port.
    private Guid NextEndpoint()
    {
        uint port = _nextHostPort++;
        if (_nextHostPort == uint.MaxValue) _nextHostPort = FirstHostPort;
        return SocketInterface.FromPort(port);
    }

    private sealed class AcceptHandler(SocketProvider provider) : ILaneHandler
    {
        public bool Run()
        {
            provider.Accept();
            return false;
        }
    }
}
