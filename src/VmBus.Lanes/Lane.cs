using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using VmBus.Lanes.Engines;
using VmBus.Native.Linux;

namespace VmBus.Lanes;

/// <summary>
/// One thread with one io_uring that serves a fixed set of channels: it waits for eventfds, submits file I/O and reaps completions in the
/// same loop, runs handlers to completion, takes no locks and allocates nothing once it is warm.
/// </summary>
/// <remarks>
/// <see cref="Post"/>, <see cref="Invoke"/>, <see cref="Counters"/> and <see cref="Dispose"/> may be called from any thread, everything
/// else on the lane's own. A turn runs what was posted, then every waiting handler once: a busy one cannot starve the others. Completions
/// are called from the loop, never from within a member that starts an operation.
/// An exception that reaches the top of the lane ends the process: a half-dead host is worse than a dead one.
/// Where io_uring is not available, epoll and a small pool of blocking threads serve behind the same members.
/// </remarks>
public sealed partial class Lane : IDisposable
{
    private readonly ILogger _logger;
    private readonly LaneOptions _options;
    private readonly Thread _thread;
    private readonly EventFd _postSignal = EventFd.Create();
    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly ManualResetEventSlim _started = new();

    // Never disposed: threads in Invoke may be waiting for it when the lane has ended.
    private readonly ManualResetEvent _ended = new(false);
    private readonly OperationTable _operations;
    private readonly RunQueue _runnable = new();
    private ILaneEngine? _engine;
    private ExceptionDispatchInfo? _startFailure;
    private int _postPending;
    private volatile bool _stopping;
    private int _disposed;

    private Lane(string name, ILogger logger, LaneOptions options)
    {
        Name = name;
        _logger = logger;
        _options = options;
        _operations = new OperationTable(options.OperationSlots);
        PollTicks = (long)(options.PollTime.TotalSeconds * Stopwatch.Frequency);
        _thread = new Thread(Main) { Name = name, IsBackground = true };
    }

    /// <summary>The thread's name.</summary>
    public string Name { get; }

    /// <summary>Whether the caller runs on this lane's thread.</summary>
    public bool IsCurrent => Environment.CurrentManagedThreadId == _thread.ManagedThreadId;

    /// <summary>What the lane runs on, in words.</summary>
    public string EngineName => _engine!.Name;

    /// <summary>
    /// Whether I/O that need not wait is done in the order started. True for io_uring; the epoll engine's threads carry out operations in any order.
    /// </summary>
    public bool KeepsOrder => _engine is IoUringEngine;

    /// <summary>For how long handlers may look for more before the lane sleeps, in ticks of <see cref="Stopwatch"/>; 0 for not at all.</summary>
    public long PollTicks { get; }

    /// <summary>The number of the current turn: for budgets per turn.</summary>
    public long Turn { get; private set; }

    /// <summary>Starts the thread and its ring.</summary>
    /// <exception cref="LinuxException">The kernel offers neither engine.</exception>
    public static Lane Start(string name, ILogger logger) => Start(name, logger, new LaneOptions());

    /// <summary>Starts the thread and its ring.</summary>
    /// <exception cref="LinuxException">The kernel does not offer the engine.</exception>
    public static Lane Start(string name, ILogger logger, LaneOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.OperationSlots, 1, nameof(options));
        var lane = new Lane(name, logger, options);
        lane._thread.Start();
        lane._started.Wait();
        if (lane._startFailure is null) return lane;
        lane.Dispose();
        lane._startFailure.Throw();
        return lane;
    }

    /// <summary>Has <paramref name="work"/> run on the lane's thread, in the order posted. For set-up and control, not for data.</summary>
    /// <exception cref="ObjectDisposedException">The lane is ending.</exception>
    public void Post(Action work)
    {
        ObjectDisposedException.ThrowIf(_stopping && !IsCurrent, this);
        _posted.Enqueue(work);
        // One signal for any number of posts: the lane clears the mark before it looks at the queue.
        if (Interlocked.Exchange(ref _postPending, 1) == 0) _postSignal.Signal();
    }

    /// <summary>Runs <paramref name="work"/> on the lane's thread and waits for it; runs it directly when already there.</summary>
    /// <remarks>An exception of the work is thrown here and does no harm to the lane.</remarks>
    /// <exception cref="ObjectDisposedException">The lane ended before the work was done.</exception>
    public void Invoke(Action work)
    {
        if (IsCurrent)
        {
            work();
            return;
        }

        using var item = new LaneWork(work);
        Post(item.Run);
        ObjectDisposedException.ThrowIf(!item.Wait(_ended), this);
    }

    /// <summary>Runs <paramref name="handler"/> whenever <paramref name="signal"/> was signalled. Its counter belongs to the lane, which need not read it.</summary>
    /// <returns>Disposing it (on the lane's thread) ends the watch; the handler is not called afterwards.</returns>
    public IDisposable Watch(EventFd signal, ILaneHandler handler) => AddWatch(signal, handler, LaneReadiness.Readable);

    /// <summary>
    /// Runs <paramref name="handler"/> in every turn that finds <paramref name="file"/> ready, until it no longer is: the handler does the
    /// reading and writing.
    /// </summary>
    /// <returns>To change what is waited for, and to end the watch; the handler is not called afterwards.</returns>
    public LaneWatch WatchReadiness(SafeHandle file, LaneReadiness readiness, ILaneHandler handler) => AddWatch(file, handler, readiness);

    /// <summary>Runs <paramref name="handler"/> once more before the lane waits again. Scheduling twice runs it once.</summary>
    public void Schedule(ILaneHandler handler) => _runnable.Add(handler);

    /// <summary>
    /// Starts a vectored read. <paramref name="vectors"/> is the address of <paramref name="count"/> iovecs that stay in place until the end.
    /// </summary>
    /// <returns>False when too many operations are in flight: try again when one has completed.</returns>
    public bool TryRead(SafeHandle file, nint vectors, int count, long offset, IIoCompletion completion, int tag) =>
        TryStart(new LaneOperation(LaneOperationKind.Read, file, vectors, count, offset, 0), completion, tag);

    /// <summary>Starts a vectored write; with <paramref name="durable"/> it completes only when on stable storage (RWF_DSYNC).</summary>
    /// <returns>False when too many operations are in flight: try again when one has completed.</returns>
    public bool TryWrite(SafeHandle file, nint vectors, int count, long offset, bool durable, IIoCompletion completion, int tag) =>
        TryStart(new LaneOperation(LaneOperationKind.Write, file, vectors, count, offset, durable ? LinuxFile.DataSync : 0), completion, tag);

    /// <summary>
    /// As <see cref="TryRead"/> for a file without offsets, but it ends with EAGAIN instead of waiting (RWF_NOWAIT): O_NONBLOCK alone has io_uring wait
    /// for readiness. EOPNOTSUPP where the file's driver has no such reads.
    /// </summary>
    /// <returns>False when too many operations are in flight: try again when one has completed.</returns>
    public bool TryReadNow(SafeHandle file, nint vectors, int count, IIoCompletion completion, int tag) =>
        TryStart(new LaneOperation(LaneOperationKind.Read, file, vectors, count, -1, LinuxFile.NoWait), completion, tag);

    /// <summary>As <see cref="TryReadNow"/>, for writes.</summary>
    /// <returns>False when too many operations are in flight: try again when one has completed.</returns>
    public bool TryWriteNow(SafeHandle file, nint vectors, int count, IIoCompletion completion, int tag) =>
        TryStart(new LaneOperation(LaneOperationKind.Write, file, vectors, count, -1, LinuxFile.NoWait), completion, tag);

    /// <summary>Starts an fdatasync.</summary>
    /// <returns>False when too many operations are in flight: try again when one has completed.</returns>
    public bool TryFlush(SafeHandle file, IIoCompletion completion, int tag) =>
        TryStart(new LaneOperation(LaneOperationKind.Flush, file, 0, 0, 0, 0), completion, tag);

    /// <summary>Starts a fallocate with the kernel's <paramref name="mode"/> bits.</summary>
    /// <returns>False when too many operations are in flight: try again when one has completed.</returns>
    public bool TryAllocate(SafeHandle file, int mode, long offset, long bytes, IIoCompletion completion, int tag) =>
        TryStart(new LaneOperation(LaneOperationKind.Allocate, file, (nint)bytes, 0, offset, mode), completion, tag);

    /// <summary>Starts a discard of a range of a block device (BLKDISCARD).</summary>
    /// <returns>False when too many operations are in flight: try again when one has completed.</returns>
    public bool TryDiscardBlocks(SafeHandle device, long offset, long bytes, IIoCompletion completion, int tag) =>
        TryStart(new LaneOperation(LaneOperationKind.DiscardBlocks, device, (nint)bytes, 0, offset, 0), completion, tag);

    /// <summary>Ends the thread after what is in flight has completed. Handlers are not run any more; on the lane's own thread it returns at once.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        _stopping = true;
        _postSignal.Signal();
        if (IsCurrent) return;
        _thread.Join();
        _postSignal.Dispose();
    }

    private bool TryStart(in LaneOperation operation, IIoCompletion completion, int tag)
    {
        if (!_operations.TryTake(operation.File, completion, tag, out int slot)) return false;
        _engine!.Start(slot, operation);
        return true;
    }
}
