using System.Diagnostics;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Storage.Disks;

namespace VmBus.Benchmarks.Storage;

/// <summary>Keeps a number of 4 KiB requests of one kind in flight on a disk queue, in batches as a channel would bring them.</summary>
internal sealed class DiskLoad : ILaneHandler, IIoCompletion, IDisposable
{
    private const int BlockBytes = 4096;
    private readonly Lane _lane;
    private readonly IDiskQueue _queue;
    private readonly GuestMemory _memory;
    private readonly IoVectorList[] _lists;
    private readonly long _blocks;
    private readonly ManualResetEventSlim _finished = new();
    private readonly Random _random = new(1);
    private bool _write;
    private int _left;
    private int _pending;

    internal DiskLoad(Lane lane, IDiskQueue queue, GuestMemory memory, int maximumDepth, long diskBytes)
    {
        (_lane, _queue, _memory, _blocks) = (lane, queue, memory, diskBytes / BlockBytes);
        _lists = new IoVectorList[maximumDepth];
        for (int i = 0; i < maximumDepth; i++) _lists[i] = new IoVectorList(1, 1);
        Depth = maximumDepth;
    }

    internal int Depth { get; set; }

    internal long AllocatedBytes { get; private set; }

    /// <summary>Runs requests in batches of <see cref="Depth"/>.</summary>
    /// <returns>Nanoseconds per request.</returns>
    internal double Run(bool write, int requests)
    {
        _finished.Reset();
        (_write, _left) = (write, requests);
        long started = Stopwatch.GetTimestamp();
        _lane.Post(() =>
        {
            AllocatedBytes = -GC.GetAllocatedBytesForCurrentThread();
            _lane.Schedule(this);
        });
        _finished.Wait();
        return Stopwatch.GetElapsedTime(started).TotalNanoseconds / requests;
    }

    public bool Run()
    {
        if (_left <= 0)
        {
            AllocatedBytes += GC.GetAllocatedBytesForCurrentThread();
            _finished.Set();
            return false;
        }

        for (int i = 0; i < Depth; i++, _left--)
        {
            IoVectorList list = _lists[i];
            list.Clear();
            list.TryAdd(_memory, new Gpa((ulong)i * BlockBytes), BlockBytes);
            long offset = _random.NextInt64(_blocks) * BlockBytes;
            int result = _write ? _queue.Write(list, offset, false, this, i) : _queue.Read(list, offset, this, i);
            if (result == IDiskQueue.Pending) _pending++;
            else Check(result);
        }

        return _pending == 0;
    }

    public void Complete(int tag, int result)
    {
        Check(result);
        if (--_pending == 0) _lane.Schedule(this);
    }

    public void Dispose()
    {
        foreach (IoVectorList list in _lists) list.Dispose();
        _finished.Dispose();
    }

    private static void Check(int result)
    {
        if (result != BlockBytes) throw new InvalidOperationException($"A request of the benchmark gave {result}.");
    }
}
