using VmBus.Native.Linux;

namespace VmBus.Lanes.Engines;

/// <summary>A few threads that carry out blocking system calls for one lane: all file I/O under epoll, and what io_uring cannot do.</summary>
/// <remarks>The lane adds and takes; the queues have one place per operation slot, so nothing is allocated and nothing overflows.</remarks>
internal sealed class BlockingPool : IDisposable
{
    // Enough to keep a disk busy without starving a small host; this is the fallback, not the fast path.
    private const int ThreadCount = 4;

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _work = new(0);
    private readonly (int Slot, LaneOperation Operation)[] _waiting;
    private readonly (int Slot, int Result)[] _ended;
    private readonly Thread[] _threads;
    private int _waitingHead;
    private int _waitingCount;
    private int _endedHead;
    private int _endedCount;
    private bool _stopping;

    internal BlockingPool(int slots, string laneName)
    {
        _waiting = new (int, LaneOperation)[slots];
        _ended = new (int, int)[slots];
        _threads = new Thread[ThreadCount];
        for (int i = 0; i < ThreadCount; i++)
        {
            _threads[i] = new Thread(Serve) { Name = $"{laneName}-io{i}", IsBackground = true };
            _threads[i].Start();
        }
    }

    /// <summary>Signalled when an operation ended.</summary>
    internal EventFd Ended { get; } = EventFd.Create();

    internal void Add(int slot, in LaneOperation operation)
    {
        lock (_gate)
        {
            _waiting[(_waitingHead + _waitingCount++) % _waiting.Length] = (slot, operation);
        }

        _work.Release();
    }

    internal bool TryTake(out int slot, out int result)
    {
        lock (_gate)
        {
            (slot, result) = _ended[_endedHead];
            if (_endedCount == 0) return false;
            _endedHead = (_endedHead + 1) % _ended.Length;
            _endedCount--;
            return true;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
        }

        _work.Release(ThreadCount);
        foreach (Thread thread in _threads) thread.Join();
        _work.Dispose();
        Ended.Dispose();
    }

    private static int Carry(in LaneOperation operation) => operation.Kind switch
    {
        LaneOperationKind.Read => LinuxFile.Read(operation.File, operation.Vectors, operation.Count, operation.Offset, operation.Flags),
        LaneOperationKind.Write => LinuxFile.Write(operation.File, operation.Vectors, operation.Count, operation.Offset, operation.Flags),
        LaneOperationKind.Flush => LinuxFile.Flush(operation.File),
        LaneOperationKind.Allocate => LinuxFile.Allocate(operation.File, operation.Flags, operation.Offset, operation.Bytes),
        LaneOperationKind.DiscardBlocks => BlockDevice.Discard(operation.File, operation.Offset, operation.Bytes),
    };

    private void Serve()
    {
        while (true)
        {
            _work.Wait();
            (int Slot, LaneOperation Operation) item;
            lock (_gate)
            {
                if (_waitingCount == 0)
                {
                    if (_stopping) return;
                    continue;
                }

                item = _waiting[_waitingHead];
                _waiting[_waitingHead] = default;
                _waitingHead = (_waitingHead + 1) % _waiting.Length;
                _waitingCount--;
            }

            int result = Carry(item.Operation);
            bool first;
            lock (_gate)
            {
                first = _endedCount == 0;
                _ended[(_endedHead + _endedCount++) % _ended.Length] = (item.Slot, result);
            }

            // Later ones find the lane awake or about to look: it takes until the queue is empty.
            if (first) Ended.Signal();
        }
    }
}
