using System.Buffers.Binary;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Sockets;

/// <summary>The event queue of a socket device: that all connections are gone. One lane.</summary>
/// <param name="runner">The queue.</param>
/// <param name="reset">Whether there is that to tell.</param>
internal sealed class VsockEvents(QueueRunner runner, bool reset) : IQueueWorker
{
    private readonly DescriptorChain _chain = new();
    private bool _isTold = !reset;

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        // Buffers stay where they are while there is nothing to tell.
        if (_isTold) return QueueTurn.Waiting;
        QueueTake take = runner.Queue.TryTake(_chain);
        if (take != QueueTake.Taken) return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
        if (_chain.WritableBytes < VsockHeader.EventBytes)
        {
            runner.Queue.Abandon("a buffer for an event of sockets is too short");
            return QueueTurn.Broken;
        }

        Span<byte> bytes = stackalloc byte[VsockHeader.EventBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, VsockHeader.TransportResetEvent);
        _ = _chain.TryWrite(runner.Queue.Memory, 0, bytes);
        runner.Complete(_chain, VsockHeader.EventBytes);
        _isTold = true;
        return QueueTurn.Waiting;
    }

    /// <inheritdoc/>
    public void Stop() => _isTold = true;

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }
}
