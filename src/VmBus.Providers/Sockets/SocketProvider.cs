using System.Diagnostics;
using Microsoft.Extensions.Logging;
using VmBus.Bus;
using VmBus.Bus.Devices;
using VmBus.Bus.Ports;
using VmBus.Native.Linux;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Sockets;
using VmBus.Sockets;

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

    // A guest opens at once or never, but one after the other, and a busy host starves it for seconds: as long as it opens some, those behind them get more time.
    private static readonly TimeSpan OpenPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestPatience = TimeSpan.FromMinutes(5);

    private readonly SocketLog _log;
    private readonly HostSockets? _host;
    private readonly Lock _gate = new();
    private readonly HashSet<SocketConnection> _connections = [];
    private VmBusServer? _bus;
    private uint _nextHostPort = SocketInterface.FirstHostPort;
    private bool _ended;
    private long _lastOpened;
    private long _newestOpened;

    private SocketProvider(HostSockets? host, ILogger logger)
    {
        _host = host;
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
    public static SocketProvider Listen(string path, ILogger logger) => new(HostSockets.Listen(path), logger);

    /// <summary>Uses a place that is open, which becomes the provider's.</summary>
    public static SocketProvider Use(HostSockets host, ILogger logger) => new(host, logger);

    /// <summary>A provider that no program of the host sees: only <see cref="Connect(uint)"/> makes connections.</summary>
    public static SocketProvider CreatePrivate(ILogger logger) => new(host: null, logger);

    /// <summary>Begins to serve. Called once.</summary>
    public void Attach(VmBusServer bus)
    {
        _bus = bus;
        _host?.Start(bus.ControlLane, Connect);
    }

    /// <inheritdoc/>
    public bool TryConnect(in TlConnectRequest request)
    {
        Guid service = request.ServiceId, endpoint = request.EndpointId;
        if (_host is null)
        {
            _log.Refused(service, "no program of the host is to be reached");
            return false;
        }

        if (_host.TryConnect(service, out int errno) is not { } socket)
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

        _host?.End();
        Reset();
    }

    /// <summary>Closes and removes the socket. The bus has ended.</summary>
    public void Dispose() => _host?.Dispose();

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

    void ISocketBroker.Opened(SocketConnection connection)
    {
        Volatile.Write(ref _lastOpened, Stopwatch.GetTimestamp());
        long newest = Volatile.Read(ref _newestOpened);
        while (connection.Made > newest)
        {
            long seen = Interlocked.CompareExchange(ref _newestOpened, connection.Made, newest);
            if (seen == newest) return;
            newest = seen;
        }
    }

    void ISocketBroker.Expired(SocketConnection connection)
    {
        TimeSpan idle = Stopwatch.GetElapsedTime(Volatile.Read(ref _lastOpened));
        if (idle >= OpenPatience || connection.IsPassedOver || Stopwatch.GetElapsedTime(connection.Made) >= LongestPatience)
        {
            connection.GiveUp();
            return;
        }

        // It may be at this one just now, beside the next.
        connection.IsPassedOver = connection.Made < Volatile.Read(ref _newestOpened);
        connection.Limit(connection.IsPassedOver ? OpenPatience : OpenPatience - idle);
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
        if (_nextHostPort == uint.MaxValue) _nextHostPort = SocketInterface.FirstHostPort;
        return SocketInterface.FromPort(port);
    }
}
