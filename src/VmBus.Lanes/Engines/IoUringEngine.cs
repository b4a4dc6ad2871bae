using VmBus.Native.IoUring;
using VmBus.Native.Linux;

namespace VmBus.Lanes.Engines;

/// <summary>One io_uring: operations, readiness and sleeping in one system call per turn.</summary>
internal sealed class IoUringEngine : ILaneEngine
{
    private const int SubmissionSlots = 256;

    // Operations (1024 by default), and a few events of every watch; more than that the kernel keeps for us (IORING_FEAT_NODROP).
    private const int CompletionSlots = 4096;

    private const ulong KindMask = 0xff00_0000_0000_0000;
    private const ulong OperationData = 0x0100_0000_0000_0000;
    private const ulong WatchData = 0x0200_0000_0000_0000;
    private const ulong CancelData = 0x0300_0000_0000_0000;
    private const ulong PoolData = 0x0400_0000_0000_0000;

    // From best to plainest: deferred completions (Linux 6.1) never interrupt the lane, cooperative ones (5.19) do without the
    // inter-processor interrupt, and a plain ring interrupts it at each completion.
    private static readonly IoUringSetup[] Setups =
    [
        IoUringSetup.Clamp | IoUringSetup.SubmitAll | IoUringSetup.SingleIssuer | IoUringSetup.DeferTaskRun | IoUringSetup.TaskRunFlag,
        IoUringSetup.Clamp | IoUringSetup.SubmitAll | IoUringSetup.CooperativeTaskRun | IoUringSetup.TaskRunFlag,
        IoUringSetup.Clamp,
    ];

    private readonly IoUring _ring;
    private readonly int _slots;
    private readonly string _laneName;
    private readonly HashSet<int> _ending = [];
    private readonly HashSet<int> _armed = [];
    private readonly Queue<IoUringCompletion> _backlog = new();
    private BlockingPool? _pool;

    private IoUringEngine(IoUring ring, IoUringSetup setup, int slots, string laneName)
    {
        _ring = ring;
        _slots = slots;
        _laneName = laneName;
        Name = $"io_uring ({setup})";
    }

    public string Name { get; }

    public long Calls { get; private set; }

    public long OtherCalls { get; private set; }

    // A multishot poll completes at each wake-up of its file, whatever the counter is; IORING_POLL_ADD_LEVEL would change that.
    public bool IsEdgeTriggered => true;

    /// <summary>Creates the ring for the calling thread.</summary>
    /// <returns>Null, with the last error number, when the kernel has no io_uring for us.</returns>
    internal static IoUringEngine? TryCreate(int slots, string laneName, out int errno)
    {
        errno = 0;
        foreach (IoUringSetup setup in Setups)
        {
            if (IoUring.TryCreate(SubmissionSlots, CompletionSlots, setup, out errno) is { } ring)
                return new IoUringEngine(ring, setup, slots, laneName);
        }

        return null;
    }

    public void Start(int slot, in LaneOperation operation)
    {
        ulong data = OperationData | (uint)slot;
        while (!TryPrepare(operation, data, slot)) Enter(0);
    }

    public void Arm(int watch, int descriptor, uint events, bool once)
    {
        _armed.Add(watch);
        while (!_ring.TryPoll(descriptor, events, multishot: !once, WatchData | (uint)watch)) Enter(0);
    }

    public void Disarm(int watch, int descriptor)
    {
        // One that stands ends with its last completion, so that its number cannot be confused with the next user's.
        _ending.Add(watch);
        if (!_armed.Contains(watch)) return;
        while (!_ring.TryCancel(WatchData | (uint)watch, CancelData)) Enter(0);
    }

    public void Turn(bool wait, ILaneEvents events)
    {
        bool taken = Take(events);
        // What was taken may have left work to the lane, which then does not want to sleep; it comes back at once.
        if (_ring.Prepared > 0 || (wait && !taken) || _ring.NeedsEnter)
        {
            Enter(wait && !taken ? 1 : 0);
            Take(events);
        }

        ReportEnded(events);
    }

    public void Dispose()
    {
        _ring.Dispose();
        _pool?.Dispose();
    }

    private bool TryPrepare(in LaneOperation operation, ulong data, int slot)
    {
        switch (operation.Kind)
        {
            case LaneOperationKind.Read:
                return _ring.TryRead(operation.Descriptor, operation.Vectors, operation.Count, operation.Offset, operation.Flags, data);
            case LaneOperationKind.Write:
                return _ring.TryWrite(operation.Descriptor, operation.Vectors, operation.Count, operation.Offset, operation.Flags, data);
            case LaneOperationKind.Flush:
                return _ring.TryDataSync(operation.Descriptor, data);
            case LaneOperationKind.Allocate:
                return _ring.TryAllocate(operation.Descriptor, operation.Flags, operation.Offset, operation.Bytes, data);
            default:
                // BLKDISCARD is an ioctl, which io_uring does not carry.
                Pool().Add(slot, operation);
                return true;
        }
    }

    private BlockingPool Pool()
    {
        if (_pool is not null) return _pool;
        _pool = new BlockingPool(_slots, _laneName);
        while (!_ring.TryPoll(_pool.Ended.Descriptor, IoUring.PollIn, multishot: true, PoolData)) Enter(0);
        return _pool;
    }

    private bool Take(ILaneEvents events)
    {
        bool any = false;
        // Bounded: nothing new is completed by the kernel before the next enter, save what is already under way.
        for (int i = 0; i < CompletionSlots && TryTake(out IoUringCompletion completion); i++)
        {
            any = true;
            int index = (int)(uint)completion.UserData;
            switch (completion.UserData & KindMask)
            {
                case OperationData:
                    events.OperationEnded(index, completion.Result);
                    break;
                case WatchData:
                    TakeWatch(index, completion, events);
                    break;
                case PoolData:
                    TakePool(completion.More, events);
                    break;
            }
        }

        return any;
    }

    private bool TryTake(out IoUringCompletion completion) => _backlog.TryDequeue(out completion) || _ring.TryTake(out completion);

    private void TakeWatch(int watch, in IoUringCompletion completion, ILaneEvents events)
    {
        if (!completion.More) _armed.Remove(watch);
        if (_ending.Contains(watch)) return;
        if (completion.Result < 0 && completion.Result != -Errno.ECANCELED)
            throw new LinuxException($"Watch {watch} failed", -completion.Result);
        events.WatchReady(watch, (uint)Math.Max(0, completion.Result), completion.More);
    }

    private void TakePool(bool armed, ILaneEvents events)
    {
        BlockingPool pool = Pool();
        OtherCalls++;
        pool.Ended.Drain();
        while (pool.TryTake(out int slot, out int result)) events.OperationEnded(slot, result);
        if (armed) return;
        while (!_ring.TryPoll(pool.Ended.Descriptor, IoUring.PollIn, multishot: true, PoolData)) Enter(0);
    }

    private void ReportEnded(ILaneEvents events)
    {
        if (_ending.Count == 0) return;
        foreach (int watch in _ending)
        {
            if (_armed.Contains(watch)) continue;
            events.WatchEnded(watch);
            _ending.Remove(watch);
        }
    }

    private void Enter(int waitFor)
    {
        Calls++;
        int result = _ring.Enter(waitFor);
        if (result == 0) return;
        if (result is not (-Errno.EBUSY or -Errno.EAGAIN)) throw new LinuxException("io_uring_enter failed", -result);
        // The kernel wants room for its completions first. They are reported later: a handler may be what called here.
        while (_ring.TryTake(out IoUringCompletion completion)) _backlog.Enqueue(completion);
    }
}
