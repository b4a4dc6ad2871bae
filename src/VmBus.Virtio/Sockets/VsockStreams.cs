using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.Sockets;
using VmBus.Protocol.Virtio;
using VmBus.Sockets;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Sockets;

/// <summary>The connections of a socket device, and which of them have something for the driver. One lane.</summary>
/// <remarks>Every number that a driver sends is a key or is checked; what it may keep here is bounded by <see cref="MaximumStreams"/> and <see cref="MaximumRefusals"/>.</remarks>
internal sealed class VsockStreams(HostSockets host, ulong cid, ILogger logger) : IDisposable
{
    /// <summary>Connections at a time.</summary>
    internal const int MaximumStreams = 1024;

    /// <summary>Refusals that wait for buffers, beyond which no packet of the driver's is taken.</summary>
    internal const int MaximumRefusals = 256;

    private readonly Dictionary<(uint Guest, uint Host), VsockStream> _streams = [];
    private readonly HashSet<VsockStream> _draining = [];
    private readonly Queue<VsockStream> _ready = new();
    private readonly Queue<VsockHeader> _refusals = new();
    private readonly IoVectorList _list = new(16, LinuxFile.MaximumVectors);
    private QueueRunner? _receiver;
    private QueueRunner? _transmitter;
    private Lane? _lane;
    private uint _nextHostPort = SocketInterface.FirstHostPort;
    private bool _isOver;

    /// <summary>Whether a packet of the driver's may be answered.</summary>
    public bool CanRefuse => _refusals.Count < MaximumRefusals;

    /// <summary>Connections, with those that only have bytes left for the host.</summary>
    public int Count => _streams.Count + _draining.Count;

    /// <summary>The driver has buffers for packets.</summary>
    public void Open(QueueRunner receiver, Lane lane) => (_receiver, _lane) = (receiver, lane);

    /// <summary>The driver may send packets.</summary>
    public void Open(QueueRunner transmitter) => _transmitter = transmitter;

    /// <summary>A queue has closed.</summary>
    public void Closed(QueueRunner runner)
    {
        if (_receiver == runner) _receiver = null;
        if (_transmitter == runner) _transmitter = null;
    }

    /// <summary>A packet of the driver's.</summary>
    /// <param name="header">What it says, copied.</param>
    /// <param name="chain">Its bytes, behind the header.</param>
    /// <param name="memory">Where they are.</param>
    public void Receive(in VsockHeader header, DescriptorChain chain, IDeviceMemory memory)
    {
        // Nobody else's packets are the driver's to send.
        if (header.SourceCid != cid) return;
        VsockStream? stream = null;
        bool isOurs = header is { TargetCid: VsockHeader.HostCid, Type: VsockHeader.Stream };
        if (isOurs && _streams.TryGetValue((header.SourcePort, header.TargetPort), out stream)) stream.Receive(header, chain, memory, _list);
        else if (isOurs && header.Operation == VsockOperation.Request) Accept(header);
        else if (header.Operation != VsockOperation.Reset) Refuse(header);
    }

    /// <summary>A program of the host wants a listener of the guest.</summary>
    public void Connect(LinuxFile socket, ConnectRequest request)
    {
        if (_isOver || _receiver is null || Count >= MaximumStreams || !SocketInterface.TryGetPort(request.Service, out uint port))
        {
            VirtioLog.SocketRefused(logger, request.Service, _receiver is null ? "the guest has no driver" : "it is no port, or there are too many connections");
            socket.Dispose();
            return;
        }

        uint hostPort = NextHostPort(port);
        Add(new VsockStream(this, port, hostPort, socket, _lane!, request.Answer(SocketInterface.FromPort(hostPort))));
    }

    /// <summary>What is to be sent next that belongs to no connection any more.</summary>
    public bool TryPeekRefusal(out VsockHeader header) => _refusals.TryPeek(out header);

    /// <summary>It has been sent.</summary>
    public void RefusalSent()
    {
        _refusals.Dequeue();
        // The transmit queue waits when there are too many.
        if (_refusals.Count == MaximumRefusals - 1) _transmitter?.Touch();
    }

    /// <summary>The next connection that has something for the driver. It stays the next until <see cref="Rotate"/>.</summary>
    public bool TryPeekReady([NotNullWhen(true)] out VsockStream? stream)
    {
        while (_ready.TryPeek(out stream))
        {
            if (stream.IsReady) return true;
            _ready.Dequeue().IsQueued = false;
        }

        return false;
    }

    /// <summary>Has the others come first.</summary>
    public void Rotate()
    {
        VsockStream stream = _ready.Dequeue();
        stream.IsQueued = false;
        if (stream.IsReady) Queue(stream);
    }

    /// <summary>A connection has something for the driver.</summary>
    public void Queue(VsockStream stream)
    {
        if (!stream.IsQueued)
        {
            stream.IsQueued = true;
            _ready.Enqueue(stream);
        }

        _receiver?.Touch();
    }

    /// <summary>Ends a connection at once, and tells the driver.</summary>
    public void Reset(VsockStream stream)
    {
        _refusals.Enqueue(stream.Describe(VsockOperation.Reset));
        Remove(stream);
        _receiver?.Touch();
    }

    /// <summary>Ends a connection that the driver knows no more of; <paramref name="drains"/> lets bytes that it has sent reach the host first.</summary>
    public void Remove(VsockStream stream, bool drains = false)
    {
        // The ports of one that drains may be another's by now.
        if (!_draining.Remove(stream)) _streams.Remove((stream.GuestPort, stream.HostPort));
        if (drains) _draining.Add(stream);
        else stream.Dispose();
    }

    /// <summary>Ends every connection: the driver begins anew.</summary>
    public void Clear()
    {
        foreach (VsockStream stream in _streams.Values) stream.Dispose();
        foreach (VsockStream stream in _draining) stream.Dispose();
        _streams.Clear();
        _draining.Clear();
        _ready.Clear();
        _refusals.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isOver = true;
        Clear();
        _list.Dispose();
    }

    private void Accept(in VsockHeader header)
    {
        // A driver may send without ever having set up the queue that it would be answered by.
        if (_lane is not { } lane || Count >= MaximumStreams)
        {
            VirtioLog.SocketRefused(logger, SocketInterface.FromPort(header.TargetPort), "the guest cannot be answered, or there are too many connections");
            Refuse(header);
            return;
        }

        if (host.TryConnect(SocketInterface.FromPort(header.TargetPort), out int errno) is not { } socket)
        {
            VirtioLog.SocketRefused(logger, SocketInterface.FromPort(header.TargetPort), LinuxException.DescribeError(errno));
            Refuse(header);
            return;
        }

        var stream = new VsockStream(this, header.SourcePort, header.TargetPort, socket, lane, greeting: null);
        Add(stream);
        stream.Accept(header);
    }

    private void Add(VsockStream stream)
    {
        _streams.Add((stream.GuestPort, stream.HostPort), stream);
        stream.Start();
    }

    // As the one that was meant, whoever that is.
    private void Refuse(in VsockHeader header)
    {
        _refusals.Enqueue(new VsockHeader(header.TargetCid, cid, header.TargetPort, header.SourcePort, 0, header.Type, VsockOperation.Reset, VsockShutdown.None, 0, 0));
        _receiver?.Touch();
    }

    // There are more ports than connections.
    private uint NextHostPort(uint guestPort)
    {
        uint port;
        do
        {
            port = _nextHostPort++;
            if (_nextHostPort == uint.MaxValue) _nextHostPort = SocketInterface.FirstHostPort;
        }
        while (_streams.ContainsKey((guestPort, port)));
        return port;
    }

    /// <summary>The guest's context id.</summary>
    internal ulong Cid => cid;
}
