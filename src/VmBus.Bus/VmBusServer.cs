using Microsoft.Extensions.Logging;
using VmBus.Bus.Channels;
using VmBus.Bus.Devices;
using VmBus.Bus.Ports;
using VmBus.Bus.Serving;
using VmBus.Bus.Tracing;
using VmBus.Lanes;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Tracing;

namespace VmBus.Bus;

/// <summary>
/// The channel server of one partition: runs the pure state machine on a control lane and carries its
/// effects out. Members may be called from any thread unless they say otherwise.
/// </summary>
/// <remarks>Source: protocol-spec/channel.md.</remarks>
public sealed class VmBusServer : IDisposable
{
    // Answers that wait for the guest before its posts are refused. Far above what a guest that reads its messages ever leaves waiting
    // (one request per processor), and offers of a whole bus pass it without harm: only posts are refused meanwhile.
    private const int MaximumQueuedMessages = 256;

    private readonly BusPorts _ports;
    private readonly Lane _control;
    private readonly ChannelServer _server;
    private readonly ChannelHost _host;
    private readonly GuestPostQueue _posts = new();
    private readonly Action _readPosts;
    private readonly byte[] _message = new byte[SyntheticInterrupts.MaximumMessageBytes];
    private volatile bool _isDisposed;

    private VmBusServer(BusPorts ports, IReadOnlyList<Lane> lanes, Lane control, ProtocolVersion maximumVersion, ILogger logger)
    {
        _ports = ports;
        _control = control;
        _host = new ChannelHost(ports, lanes, control, logger);
        _server = new ChannelServer(ports.Memory, maximumVersion, _host);
        _host.Server = _server;
        _readPosts = ReadPosts;
    }

    /// <summary>The lane that runs the channel protocol; the message port delivers on it too.</summary>
    public Lane ControlLane => _control;

    /// <summary>Starts the bus. <paramref name="lanes"/> serve the channels; the bus adds a control lane of its own.</summary>
    /// <param name="ports">The machine's side.</param>
    /// <param name="lanes">At least one; the caller disposes them after the bus.</param>
    /// <param name="maximumVersion">The newest protocol version to accept, major in the upper 16 bits (0x50003 for 5.3).</param>
    /// <param name="logger">Where to report.</param>
    /// <exception cref="ArgumentException">There is no lane, or no such version can be served.</exception>
    /// <exception cref="Native.Linux.LinuxException">The control lane cannot start.</exception>
    public static VmBusServer Start(BusPorts ports, IReadOnlyList<Lane> lanes, uint maximumVersion, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(ports);
        ArgumentNullException.ThrowIfNull(lanes);
        if (lanes.Count == 0) throw new ArgumentException("Channels need at least one lane.", nameof(lanes));
        var version = new ProtocolVersion(maximumVersion);
        if (!version.IsServed) throw new ArgumentException($"VMBus {version} is not a version that can be served.", nameof(maximumVersion));
        return new VmBusServer(ports, lanes, Lane.Start("control", logger), version, logger);
    }

    /// <summary>Takes a message the guest posted. Called on vCPU threads; copies, never blocks.</summary>
    /// <param name="connectionId">24 bits; the message ports are 1 and 4.</param>
    /// <param name="message">The payload; more than 240 bytes cannot come out of the hypercall and are refused.</param>
    public PostStatus Post(uint connectionId, ReadOnlySpan<byte> message)
    {
        if (_isDisposed || !ConnectionIds.IsMessagePort(connectionId) || message.Length > SyntheticInterrupts.MaximumMessageBytes)
            return PostStatus.InvalidConnectionId;
        if (_ports.Messages.Queued > MaximumQueuedMessages || !_posts.TryAdd(message, out bool wasEmpty)) return PostStatus.InsufficientBuffers;
        if (wasEmpty) _control.Post(_readPosts);
        return PostStatus.Accepted;
    }

    /// <summary>Offers a device, now or as soon as the guest asks for offers.</summary>
    /// <exception cref="ArgumentException">The instance id is already offered.</exception>
    /// <exception cref="InvalidOperationException">All 2047 channel ids are taken.</exception>
    public void Offer(IChannelDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _control.Invoke(() => _host.Add(device));
    }

    /// <summary>Takes a device away: its channels are closed and drained, then rescinded. Returns when nothing of it runs any more.</summary>
    /// <remarks>Not to be called on a lane. A device that is not offered is ignored.</remarks>
    public void Remove(IChannelDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        using var stopped = new ManualResetEventSlim();
        _control.Invoke(() => _host.Remove(device, stopped.Set));
        stopped.Wait();
    }

    /// <summary>As <see cref="Remove"/>, without waiting for it. Any thread.</summary>
    public void BeginRemove(IChannelDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _control.Post(() => _host.Remove(device, static () => { }));
    }

    /// <summary>Forgets the guest's connection, as on a machine reset: every channel is closed and drained on return; the offers stay.</summary>
    /// <remarks>Not to be called on a lane. What the guest has posted before is forgotten too.</remarks>
    public void Reset()
    {
        using var stopped = new ManualResetEventSlim();
        _posts.Clear();
        _control.Invoke(() => _host.Reset(stopped.Set));
        stopped.Wait();
    }

    /// <summary>Tells the guest that a connect which <see cref="IConnectPort.TryConnect"/> took has failed after all.</summary>
    public void RefuseConnect(TlConnectRequest request, NtStatus status = NtStatus.ConnectionRefused)
        => _control.Post(() => _server.ConnectFailed(request, status));

    /// <summary>The version agreed with the guest; null while it is not connected.</summary>
    public ProtocolVersion? Version
    {
        get
        {
            ProtocolVersion? version = null;
            _control.Invoke(() => version = _server.Version);
            return version;
        }
    }

    /// <summary>All channels, in order of id, as they are now.</summary>
    public IReadOnlyList<ChannelInfo> Describe()
    {
        IReadOnlyList<ChannelInfo> channels = [];
        _control.Invoke(() => channels = _host.Describe());
        return channels;
    }

    /// <summary>Begins to record what the bus does, from the channels that there are now. It goes on over resets, until it is disposed.</summary>
    /// <returns>Null when four traces run already.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A limit of the options is beyond what may be.</exception>
    public BusTrace? TryStartTrace(BusTraceOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var trace = new BusTrace(options, _host.Tap.Remove);
        bool isAdded = false;
        try
        {
            _control.Invoke(() => isAdded = _host.TryTrace(trace));
        }
        finally
        {
            if (!isAdded) trace.Dispose();
        }

        return isAdded ? trace : null;
    }

    /// <summary>Closes and drains every channel, then ends the control lane. The guest has stopped: nobody posts any more.</summary>
    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        Reset();
        _host.Dispose();
        _control.Dispose();
    }

    // As many as fit the queue, then the lane's other work: a guest that never stops posting does not keep the lane.
    private void ReadPosts()
    {
        for (int read = 0; read < GuestPostQueue.Capacity; read++)
        {
            int length = _posts.TryTake(_message);
            if (length < 0) return;
            _host.Tap.Message(TraceDirection.FromGuest, _message.AsSpan(0, length));
            _server.Receive(_message.AsSpan(0, length));
        }

        _control.Post(_readPosts);
    }
}
