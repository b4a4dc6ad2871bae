using VmBus.Lanes;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Consoles;

/// <summary>The receive queue of a console: what was typed, for the driver. One lane, but <see cref="Wake"/>. Allocates nothing for a request.</summary>
internal sealed class ConsoleReceiver(ConsoleDevice device, QueueRunner runner, Lane lane, ByteRing input) : IQueueWorker
{
    private readonly DescriptorChain _chain = new();
    private readonly byte[] _bytes = new byte[4096];
    private readonly QueueWake _wake = new(lane, runner);
    private bool _isStopped;

    /// <summary>Something was typed. Any thread.</summary>
    public void Wake() => _wake.Set();

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        _wake.Clear();
        while (!_isStopped)
        {
            // Buffers stay where they are until something is typed.
            if (input.Count == 0) return QueueTurn.Waiting;
            QueueTake take = runner.Queue.TryTake(_chain);
            if (take != QueueTake.Taken) return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
            if (_chain.WritableBytes == 0)
            {
                runner.Queue.Abandon("a buffer for what is typed has no room");
                return QueueTurn.Broken;
            }

            int count = input.Take(_bytes.AsSpan(0, (int)Math.Min(_chain.WritableBytes, _bytes.Length)));
            // Where there is no memory the driver gets none.
            bool written = _chain.TryWrite(runner.Queue.Memory, 0, _bytes.AsSpan(0, count));
            runner.Complete(_chain, written ? (uint)count : 0);
        }

        return QueueTurn.Waiting;
    }

    /// <inheritdoc/>
    public void Stop() => _isStopped = true;

    /// <inheritdoc/>
    public void Dispose() => device.Closed(this);
}
