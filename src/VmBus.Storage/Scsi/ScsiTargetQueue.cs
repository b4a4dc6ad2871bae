using VmBus.Lanes;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi.Commands;
using VmBus.Storage.Scsi.Units;

namespace VmBus.Storage.Scsi;

/// <summary>One channel's way into a <see cref="ScsiTarget"/>. All members are called on its lane.</summary>
public sealed class ScsiTargetQueue : IDisposable
{
    // Every reply that is built here fits: the longest is REPORT LUNS of one target, 8 bytes for each of 256 units and the header.
    private const int ReplyBytes = 8192;

    private readonly ScsiTarget _target;
    private readonly Lane _lane;
    private readonly Dictionary<ScsiAddress, UnitQueue> _units = [];
    private readonly List<ScsiTask> _tasks = [];
    private readonly Stack<ScsiTask> _idle = new();
    private UnitQueue? _last;
    private bool _disposed;

    internal ScsiTargetQueue(ScsiTarget target, Lane lane, ILaneTurns turns)
    {
        _target = target;
        _lane = lane;
        Turns = turns;
        WorkAreas = new WorkAreaPool();
    }

    /// <summary>Commands that have not completed.</summary>
    public int InFlight { get; private set; }

    /// <summary>The target this leads to.</summary>
    internal ScsiTarget Target => _target;

    /// <summary>How to run something later.</summary>
    internal ILaneTurns Turns { get; }

    /// <summary>Buffers of the commands whose data the host itself looks at.</summary>
    internal WorkAreaPool WorkAreas { get; }

    /// <summary>Where a reply is put together before it is copied to the guest.</summary>
    internal byte[] Reply { get; } = new byte[ReplyBytes];

    /// <summary>Starts a command; <see cref="ScsiRequest.Complete"/> is called now or later. Never throws, allocates nothing.</summary>
    /// <remarks>The first command of a channel to a unit opens the disk's queue, and the pools grow until they fit the channel.</remarks>
    public void Execute(ScsiRequest request)
    {
        request.Status = ScsiStatus.Good;
        request.NoSuchUnit = false;
        request.Transferred = 0;
        UnitQueue? unit = FindUnit(request.Address);
        if (unit is null)
        {
            AbsentUnit.Execute(this, request);
            request.Complete();
            return;
        }

        InFlight++;
        unit.InFlight++;
        ScsiTask task = _idle.Count > 0 ? _idle.Pop() : AddTask();
        task.Begin(request, unit);
    }

    /// <summary>Closes the disk queues. Nothing may be in flight.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _target.Close(this);
        foreach (UnitQueue unit in _units.Values) CloseUnit(unit);
        _units.Clear();
        _last = null;
        WorkAreas.Dispose();
    }

    /// <summary>Takes back a task whose command has ended, and answers.</summary>
    internal void End(ScsiTask task, UnitQueue unit, ScsiRequest request)
    {
        InFlight--;
        unit.InFlight--;
        _idle.Push(task);
        if (unit is { Closing: true, InFlight: 0 }) CloseUnit(unit);
        request.Complete();
    }

    /// <summary>Lets go of a unit that is being taken away, as soon as its commands have ended. Any thread.</summary>
    internal void PostClose(LogicalUnit unit) => Turns.Post(() => BeginClose(unit));

    /// <summary>Has the running commands of <paramref name="initiators"/> signal <paramref name="barrier"/> when they end. Any thread.</summary>
    internal void PostAwait(LogicalUnit unit, ulong[] initiators, DrainBarrier barrier) => Turns.Post(() =>
    {
        foreach (ScsiTask task in _tasks)
        {
            if (!task.IsAwaitable(unit, initiators)) continue;
            barrier.Add();
            task.Ended += barrier.Signal;
        }

        barrier.Signal();
    });

    private ScsiTask AddTask()
    {
        var task = new ScsiTask(this);
        _tasks.Add(task);
        return task;
    }

    private void BeginClose(LogicalUnit unit)
    {
        if (!_units.TryGetValue(unit.Address, out UnitQueue? queue) || queue.Unit != unit) return;
        _units.Remove(unit.Address);
        if (_last == queue) _last = null;
        queue.Closing = true;
        if (queue.InFlight == 0) CloseUnit(queue);
    }

    private static void CloseUnit(UnitQueue queue)
    {
        queue.Disk.Dispose();
        queue.Unit.Detach();
    }

    private UnitQueue? FindUnit(ScsiAddress address)
    {
        UnitQueue? queue = _last;
        if (queue is null || queue.Unit.Address != address)
        {
            if (!_units.TryGetValue(address, out queue)) return OpenUnit(address);
            _last = queue;
        }

        if (!queue.Unit.Removed) return queue;
        // The removal's own message may still be on its way here; a unit that took the address since is reached all the same.
        BeginClose(queue.Unit);
        return OpenUnit(address);
    }

    private UnitQueue? OpenUnit(ScsiAddress address)
    {
        if (_disposed || !_target.Units.TryGetValue(address, out LogicalUnit? unit) || !unit.TryAttach()) return null;
        IDiskQueue disk;
        try
        {
            disk = unit.Disk.OpenQueue(_lane);
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException or Native.Linux.LinuxException)
        {
            disk = new UnavailableDiskQueue();
        }

        var queue = new UnitQueue(this, unit, disk);
        _units.Add(address, queue);
        _last = queue;
        return queue;
    }
}
