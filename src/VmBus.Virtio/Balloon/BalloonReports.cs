using VmBus.Memory.Guest;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Balloon;

/// <summary>The reporting queue of a balloon: memory that the driver does not use until it has the report back. One lane. Allocates nothing for a request.</summary>
internal sealed class BalloonReports(GuestMemory memory, QueueRunner runner) : IQueueWorker
{
    private readonly DescriptorChain _chain = new();
    private bool _isStopped;

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        if (_isStopped) return QueueTurn.Waiting;
        // One at a time: it may be a hundred mebibytes.
        QueueTake take = runner.Queue.TryTake(_chain);
        if (take != QueueTake.Taken) return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
        for (int i = 0; _chain.TryGetWritable(i, out Gpa start, out uint bytes); i++)
        {
            // Parts of pages are used by their other parts.
            ulong first = (start.Value + Gpa.PageBytes - 1) / Gpa.PageBytes;
            ulong end = (start.Value + bytes) / Gpa.PageBytes;
            if (start.Value <= ulong.MaxValue - uint.MaxValue && first < end) BalloonPages.Discard(memory, Gpa.FromPage(first), (end - first) * Gpa.PageBytes);
        }

        runner.Complete(_chain, 0);
        return QueueTurn.More;
    }

    /// <inheritdoc/>
    public void Stop() => _isStopped = true;

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }
}
