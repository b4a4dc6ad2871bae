using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Sockets;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Sockets;

/// <summary>A virtio socket device: AF_VSOCK of one driver, carried to and from Unix sockets of the host.</summary>
/// <remarks>
/// Connections are the device's, not its queues': they stay while queues stop and go on. They end when the driver begins anew, which it says by a reset or by
/// a receive queue that begins at its beginning. Source: virtio 1.3, 5.10; protocol-spec/virtio.md#sockets.
/// </remarks>
public sealed class VsockDevice : IVirtioDevice
{
    private const int ReceiveQueue = 0;
    private const int TransmitQueue = 1;
    private const int EventQueue = 2;
    private const int Queues = 3;
    private const int QueueSize = 256;

    private readonly ulong _cid;
    private readonly VsockStreams _streams;
    private volatile Lane? _lane;
    private bool _mayFollowAnother = true;

    /// <summary>A device without connections.</summary>
    /// <param name="host">Where programs serve what the guest connects to.</param>
    /// <param name="cid">The guest's context id, <see cref="VsockHeader.LeastGuestCid"/> to <see cref="VsockHeader.GreatestGuestCid"/>.</param>
    /// <param name="logger">For what is refused.</param>
    public VsockDevice(HostSockets host, ulong cid, ILogger logger)
    {
        _cid = cid;
        _streams = new VsockStreams(host, cid, logger);
    }

    /// <inheritdoc/>
    public VirtioDeviceType Type => VirtioDeviceType.Socket;

    /// <inheritdoc/>
    public string Name => "vsock";

    /// <inheritdoc/>
    public ulong Features => (ulong)Virtqueue.Features | (ulong)VsockFeatures.Stream;

    /// <inheritdoc/>
    public int QueueCount => Queues;

    /// <inheritdoc/>
    public int FrontEndQueueCount => Queues;

    /// <inheritdoc/>
    public Action? ConfigChanged { get; set; }

    /// <inheritdoc/>
    public int MaximumQueueSize => QueueSize;

    /// <inheritdoc/>
    public int LaneOf(int queue) => 0;

    /// <inheritdoc/>
    public int ReadConfig(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, _cid);
        return VsockHeader.ConfigBytes;
    }

    /// <inheritdoc/>
    public bool WriteConfig(int offset, ReadOnlySpan<byte> source) => false;

    /// <inheritdoc/>
    public IQueueWorker OpenQueue(int index, ulong features, QueueRunner queue, Lane lane)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _lane = lane;
        bool begins = queue.Queue.Base is 0 or PackedQueue.FreshBase;
        switch (index)
        {
            case ReceiveQueue:
                if (begins) _streams.Clear();
                return new VsockReceiver(_streams, queue, lane);
            case TransmitQueue:
                return new VsockTransmitter(_streams, queue);
            default:
                // A process before this one had connections that this one does not know.
                bool reset = _mayFollowAnother && !begins;
                _mayFollowAnother = false;
                return new VsockEvents(queue, reset);
        }
    }

    /// <summary>A program of the host wants the guest's listener on a port. Any thread.</summary>
    /// <param name="socket">Its connection, non-blocking, which is the device's from here on.</param>
    /// <param name="request">What it wants; closed unheard when that is no port, or the guest has no driver.</param>
    public void Connect(LinuxFile socket, ConnectRequest request)
    {
        ArgumentNullException.ThrowIfNull(socket);
        try
        {
            if (_lane is { } lane)
            {
                lane.Post(() => _streams.Connect(socket, request));
                return;
            }
        }
        catch (ObjectDisposedException)
        {
            // The lane has ended.
        }

        socket.Dispose();
    }

    /// <inheritdoc/>
    public void Reset()
    {
        _mayFollowAnother = false;
        _lane?.Invoke(_streams.Clear);
    }

    /// <inheritdoc/>
    public void Dispose() => _lane?.Invoke(_streams.Dispose);
}
