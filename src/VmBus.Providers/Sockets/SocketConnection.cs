using VmBus.Bus.Devices;
using VmBus.Native.Linux;

namespace VmBus.Providers.Sockets;

/// <summary>One connection between a socket of the guest and a Unix socket: an offer that is opened once, or not in time.</summary>
internal sealed class SocketConnection : IChannelDevice, ISocketOwner, IDisposable
{
    private readonly LinuxFile _socket;
    private readonly byte[] _greeting;
    private readonly Action<SocketConnection, bool> _ended;
    private Timer? _patience;
    private int _state;

    /// <summary>A connection that waits for the guest.</summary>
    /// <param name="offer">What the guest is offered.</param>
    /// <param name="socket">The host's end, which belongs to the connection.</param>
    /// <param name="greeting">What the host's end is sent when the guest has taken the connection.</param>
    /// <param name="ended">Called once at the end, with whether the guest had taken the connection; on any thread.</param>
    public SocketConnection(ChannelOffer offer, LinuxFile socket, byte[] greeting, Action<SocketConnection, bool> ended)
    {
        Offer = offer;
        _socket = socket;
        _greeting = greeting;
        _ended = ended;
    }

    private enum State
    {
        Waiting,
        Open,
        Ended,
    }

    /// <inheritdoc/>
    public ChannelOffer Offer { get; }

    /// <summary>Gives up when the guest does not open within <paramref name="patience"/>. Called once, before the offer.</summary>
    public void Limit(TimeSpan patience) => _patience = new Timer(_ => GiveUp(), null, patience, Timeout.InfiniteTimeSpan);

    /// <inheritdoc/>
    public IChannelEndpoint? Open(OpenChannel channel)
    {
        if (!TryMove(State.Waiting, State.Open)) return null;
        _patience?.Dispose();
        // An empty socket takes these few bytes; if the other end has gone, the endpoint finds that out.
        using var greeting = new BounceBuffer(Math.Max(1, _greeting.Length));
        _greeting.CopyTo(greeting.Data);
        if (_greeting.Length > 0) _ = LinuxFile.Write(_socket, greeting.Vector(_greeting.Length), 1, -1, 0);
        return new SocketEndpoint(channel, _socket, this);
    }

    /// <summary>Ends the connection if the guest has not opened it.</summary>
    public void GiveUp()
    {
        if (!TryMove(State.Waiting, State.Ended)) return;
        _patience?.Dispose();
        _ended(this, false);
        _socket.Dispose();
    }

    /// <inheritdoc/>
    public void Ended()
    {
        if (TryMove(State.Open, State.Ended)) _ended(this, true);
    }

    /// <inheritdoc/>
    public void Dispose() => GiveUp();

    private bool TryMove(State from, State to) => Interlocked.CompareExchange(ref _state, (int)to, (int)from) == (int)from;
}
