using System.Diagnostics;
using VmBus.Bus.Devices;
using VmBus.Native.Linux;
using VmBus.Sockets;

namespace VmBus.Providers.Sockets;

/// <summary>One connection between a socket of the guest and a Unix socket: an offer that is opened once, or not in time.</summary>
internal sealed class SocketConnection : IChannelDevice, ISocketOwner, IDisposable
{
    private readonly LinuxFile _socket;
    private readonly byte[] _greeting;
    private readonly ISocketBroker _broker;
    private Timer? _patience;
    private int _state;

    /// <summary>A connection that waits for the guest.</summary>
    /// <param name="offer">What the guest is offered.</param>
    /// <param name="socket">The host's end, which belongs to the connection.</param>
    /// <param name="greeting">What the host's end is sent when the guest has taken the connection.</param>
    /// <param name="broker">Who hears of what becomes of it.</param>
    public SocketConnection(ChannelOffer offer, LinuxFile socket, byte[] greeting, ISocketBroker broker)
    {
        Offer = offer;
        _socket = socket;
        _greeting = greeting;
        _broker = broker;
    }

    private enum State
    {
        Waiting,
        Open,
        Ended,
    }

    /// <inheritdoc/>
    public ChannelOffer Offer { get; }

    /// <summary>When it was made, as <see cref="Stopwatch.GetTimestamp"/> says.</summary>
    public long Made { get; } = Stopwatch.GetTimestamp();

    /// <summary>The broker's note that the guest has opened one that was made after this one.</summary>
    public bool IsPassedOver { get; set; }

    /// <summary>Whether the guest may still open it.</summary>
    public bool IsWaiting => Volatile.Read(ref _state) == (int)State.Waiting;

    /// <summary>Asks the broker after <paramref name="patience"/> what to do if the guest has not opened it by then. The first time before the offer.</summary>
    public void Limit(TimeSpan patience)
    {
        _patience?.Dispose();
        _patience = new Timer(_ => Expire(), null, patience, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public IChannelEndpoint? Open(OpenChannel channel)
    {
        if (!TryMove(State.Waiting, State.Open)) return null;
        _patience?.Dispose();
        _broker.Opened(this);
        HostSockets.Greet(_socket, _greeting);
        return new SocketEndpoint(channel, _socket, this);
    }

    /// <summary>Ends the connection if the guest has not opened it.</summary>
    public void GiveUp()
    {
        if (!TryMove(State.Waiting, State.Ended)) return;
        _patience?.Dispose();
        _broker.Ended(this, opened: false);
        _socket.Dispose();
    }

    /// <inheritdoc/>
    public void Ended()
    {
        if (TryMove(State.Open, State.Ended)) _broker.Ended(this, opened: true);
    }

    /// <inheritdoc/>
    public void Dispose() => GiveUp();

    private void Expire()
    {
        if (IsWaiting) _broker.Expired(this);
    }

    private bool TryMove(State from, State to) => Interlocked.CompareExchange(ref _state, (int)to, (int)from) == (int)from;
}
