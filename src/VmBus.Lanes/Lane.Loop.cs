using System.Runtime.ExceptionServices;
using VmBus.Lanes.Engines;
using VmBus.Native.Linux;

namespace VmBus.Lanes;

// The thread: its start, its turns and its end.
public sealed partial class Lane : ILaneEvents
{
    // Posted work is rare; the bound keeps a flood of it from starving the channels.
    private const int PostedPerTurn = 64;

    private long _waits;
    private long _completed;
    private long _signals;
    private long _drains;

    /// <summary>What the lane has done so far. From other threads the numbers may be a moment old.</summary>
    public LaneCounters Counters =>
        _engine is { } engine
            ? new(Turn, engine.Calls, engine.Calls + engine.OtherCalls + _drains, _waits, _completed, _signals)
            : default;

    void ILaneEvents.OperationEnded(int slot, int result)
    {
        _completed++;
        (IIoCompletion completion, int tag) = _operations.Release(slot);
        completion.Complete(tag, result);
    }

    private void Main()
    {
        try
        {
            _engine = CreateEngine();
            LanesLog.Started(_logger, Name, _engine.Name);
            ArmPostSignal();
        }
        catch (Exception failure) when (failure is LinuxException)
        {
            _startFailure = ExceptionDispatchInfo.Capture(failure);
        }

        _started.Set();
        try
        {
            if (_startFailure is null) Loop();
        }
#pragma warning disable CA1031 // The top of the thread: nothing above could act on it.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            LanesLog.Failed(_logger, failure, Name);
            if (_options.OnFailure is null) Environment.FailFast($"Lane {Name} failed: {failure.Message}", failure);
            _stopping = true;
            _options.OnFailure(failure);
        }

        ReleaseWatches();
        _engine?.Dispose();
        _ended.Set();
    }

    private ILaneEngine CreateEngine()
    {
        if (_options.Engine != LaneEngineKind.Epoll)
        {
            if (IoUringEngine.TryCreate(_options.OperationSlots, Name, out int errno) is { } engine) return engine;
            if (_options.Engine == LaneEngineKind.IoUring) throw new LinuxException("Creating an io_uring failed", errno);
            LanesLog.NoIoUring(_logger, Name, LinuxException.DescribeError(errno));
        }

        return new EpollEngine(_options.OperationSlots, Name);
    }

    private void Loop()
    {
        while (!_stopping || _operations.InFlight > 0 || !_posted.IsEmpty)
        {
            Turn++;
            bool wait = _posted.IsEmpty && (_stopping ? _operations.InFlight > 0 : _runnable.Count == 0);
            if (wait) _waits++;
            _engine!.Turn(wait, this);
            RunPosted();
            // A lane that ends owes its callers the completions, not more work.
            if (!_stopping) RunHandlers();
            ArmAgain();
        }
    }

    private void RunPosted()
    {
        for (int i = 0; i < PostedPerTurn && _posted.TryDequeue(out Action? work); i++) work();
    }

    private void RunHandlers()
    {
        // Those that become runnable during the turn wait for the next one, so that completions and signals are seen in between.
        for (int left = _runnable.Count; left > 0; left--)
        {
            if (_runnable.TryTake(out ILaneHandler? handler) && handler.Run()) _runnable.Add(handler);
        }
    }
}
