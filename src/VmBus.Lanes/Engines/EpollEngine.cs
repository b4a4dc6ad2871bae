using VmBus.Native.Linux;

namespace VmBus.Lanes.Engines;

/// <summary>epoll for readiness and a pool of blocking threads for file I/O: the engine of hosts that forbid io_uring.</summary>
internal sealed class EpollEngine : ILaneEngine
{
    private const ulong PoolData = ulong.MaxValue;

    private readonly EpollSet _set;
    private readonly BlockingPool _pool;
    private readonly EpollEvent[] _ready = new EpollEvent[EpollSet.BatchEvents];
    private readonly HashSet<int> _once = [];
    private readonly HashSet<int> _known = [];
    private readonly List<int> _ending = [];

    internal EpollEngine(int slots, string laneName)
    {
        _set = EpollSet.Create();
        _pool = new BlockingPool(slots, laneName);
        _ = _set.Add(_pool.Ended.Descriptor, EpollSet.Readable, PoolData);
    }

    public string Name => "epoll";

    public long Calls { get; private set; }

    public long OtherCalls { get; private set; }

    public bool IsEdgeTriggered => false;

    public void Start(int slot, in LaneOperation operation) => _pool.Add(slot, operation);

    public void Arm(int watch, int descriptor, uint events, bool once)
    {
        uint wanted = once ? events | EpollSet.Once : events;
        if (once) _once.Add(watch);
        OtherCalls++;
        // A watch that is still in the set was armed for one event and is armed again.
        int refused = _known.Add(watch) ? _set.Add(descriptor, wanted, (ulong)watch) : _set.Change(descriptor, wanted, (ulong)watch);
        if (refused < 0) throw new LinuxException($"Watching descriptor {descriptor} failed", -refused);
    }

    public void Disarm(int watch, int descriptor)
    {
        _known.Remove(watch);
        _once.Remove(watch);
        OtherCalls++;
        int refused = _set.Remove(descriptor);
        if (refused < 0) throw new LinuxException($"Ending the watch of descriptor {descriptor} failed", -refused);
        // Its number stays taken until the events at hand have been looked at: one of them may be for this watch.
        _ending.Add(watch);
    }

    public void Turn(bool wait, ILaneEvents events)
    {
        Calls++;
        int count = _set.Wait(_ready, wait ? -1 : 0);
        if (count < 0) throw new LinuxException("epoll_wait failed", -count);
        for (int i = 0; i < count; i++)
        {
            (ulong data, uint ready) = _ready[i];
            if (data == PoolData)
            {
                OtherCalls++;
                _pool.Ended.Drain();
                while (_pool.TryTake(out int slot, out int result)) events.OperationEnded(slot, result);
            }
            else if (_known.Contains((int)data))
            {
                events.WatchReady((int)data, ready, !_once.Contains((int)data));
            }
        }

        foreach (int watch in _ending) events.WatchEnded(watch);
        _ending.Clear();
    }

    public void Dispose()
    {
        _pool.Dispose();
        _set.Dispose();
    }
}
