using System.Runtime.ExceptionServices;

namespace VmBus.Lanes;

/// <summary>A piece of work that another thread waits for.</summary>
internal sealed class LaneWork(Action work) : IDisposable
{
    private readonly ManualResetEvent _done = new(false);
    private ExceptionDispatchInfo? _failure;

    /// <summary>Runs the work on the lane; its exception belongs to the waiting thread.</summary>
    internal void Run()
    {
        try
        {
            work();
        }
#pragma warning disable CA1031 // Handed on whole, to be thrown where the work was asked for.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _failure = ExceptionDispatchInfo.Capture(failure);
        }

        _done.Set();
    }

    /// <summary>Waits for the end of the work, or of the lane.</summary>
    internal bool Wait(WaitHandle laneEnded)
    {
        bool done = WaitHandle.WaitAny([_done, laneEnded]) == 0 || _done.WaitOne(0);
        _failure?.Throw();
        return done;
    }

    public void Dispose() => _done.Dispose();
}
