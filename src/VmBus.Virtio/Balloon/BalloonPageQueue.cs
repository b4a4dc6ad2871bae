using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Balloon;

/// <summary>The inflate or the deflate queue of a balloon: lists of page numbers. One lane. Allocates nothing for a request.</summary>
internal sealed class BalloonPageQueue(BalloonDevice device, QueueRunner runner, bool inflates) : IQueueWorker
{
    // Each may be some hundreds of calls of the kernel.
    private const int ListsPerTurn = 4;

    // Linux names 256 in a list.
    private const int MaximumPages = 4096;

    private readonly DescriptorChain _chain = new();
    private readonly uint[] _pages = new uint[MaximumPages];
    private bool _isStopped;

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        for (int i = 0; i < ListsPerTurn && !_isStopped; i++)
        {
            QueueTake take = runner.Queue.TryTake(_chain);
            if (take != QueueTake.Taken) return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
            if (_chain.ReadableBytes > MaximumPages * sizeof(uint) || _chain.ReadableBytes % sizeof(uint) != 0)
            {
                runner.Queue.Abandon($"a list of a balloon's pages has {_chain.ReadableBytes} bytes, where at most {MaximumPages} numbers of 4 can be");
                return QueueTurn.Broken;
            }

            Span<uint> pages = _pages.AsSpan(0, (int)(_chain.ReadableBytes / sizeof(uint)));
            // A list that is no memory names no page.
            if (_chain.TryRead(runner.Queue.Memory, 0, MemoryMarshal.AsBytes(pages)))
            {
                if (!BitConverter.IsLittleEndian) BinaryPrimitives.ReverseEndianness(pages, pages);
                device.Move(pages, inflates);
            }

            runner.Complete(_chain, 0);
        }

        return _isStopped ? QueueTurn.Waiting : QueueTurn.More;
    }

    /// <inheritdoc/>
    public void Stop() => _isStopped = true;

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }
}
