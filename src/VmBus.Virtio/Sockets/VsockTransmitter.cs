using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Sockets;

/// <summary>The transmit queue of a socket device: packets of the driver's. One lane.</summary>
/// <remarks>Only a packet without a header breaks the queue; one that makes no sense ends the connection that it names. Allocates nothing for a packet of a connection.</remarks>
internal sealed class VsockTransmitter : IQueueWorker
{
    // One busy driver does not keep the lane's others waiting for longer than this many packets.
    private const int PacketsPerTurn = 128;

    private readonly VsockStreams _streams;
    private readonly QueueRunner _runner;
    private readonly DescriptorChain _chain = new();
    private bool _isStopped;

    public VsockTransmitter(VsockStreams streams, QueueRunner runner)
    {
        _streams = streams;
        _runner = runner;
        streams.Open(runner);
    }

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        Span<byte> bytes = stackalloc byte[VsockHeader.Size];
        for (int i = 0; i < PacketsPerTurn && !_isStopped; i++)
        {
            // A driver that gives no buffers for refusals is not listened to meanwhile.
            if (!_streams.CanRefuse) return QueueTurn.Waiting;
            QueueTake take = _runner.Queue.TryTake(_chain);
            if (take != QueueTake.Taken) return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
            if (_chain.ReadableBytes < VsockHeader.Size)
            {
                _runner.Queue.Abandon("a packet of a socket has no header");
                return QueueTurn.Broken;
            }

            // What is no memory says nothing.
            if (_chain.TryRead(_runner.Queue.Memory, 0, bytes)) _streams.Receive(VsockHeader.Read(bytes), _chain, _runner.Queue.Memory);
            _runner.Complete(_chain, 0);
        }

        return _isStopped ? QueueTurn.Waiting : QueueTurn.More;
    }

    /// <inheritdoc/>
    public void Stop() => _isStopped = true;

    /// <inheritdoc/>
    public void Dispose() => _streams.Closed(_runner);
}
