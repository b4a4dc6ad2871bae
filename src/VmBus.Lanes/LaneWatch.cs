using System.Runtime.InteropServices;
using VmBus.Native.Linux;

namespace VmBus.Lanes;

/// <summary>A file that a lane watches for a handler. Every member is called on the lane's thread; disposing ends the watch.</summary>
public sealed class LaneWatch : IDisposable
{
    // POLLERR and POLLHUP: the next read tells what is the matter.
    private const uint Failures = 0x8 | 0x10;

    private readonly Lane _lane;
    private LaneReadiness _ready;
    private bool _disposed;

    internal LaneWatch(Lane lane, SafeHandle file, ILaneHandler handler, LaneReadiness readiness)
    {
        _lane = lane;
        File = file;
        Signal = file as EventFd;
        Handler = handler;
        Readiness = readiness;
    }

    internal int Index { get; set; }

    internal SafeHandle File { get; }

    // Set for eventfds: drained before the handler runs where the engine would report them for ever.
    internal EventFd? Signal { get; }

    internal ILaneHandler Handler { get; }

    internal LaneReadiness Readiness { get; private set; }

    internal bool IsOnce => Signal is null;

    /// <summary>Changes what the file is waited for, from the lane's next turn on.</summary>
    public void Change(LaneReadiness readiness)
    {
        if (_disposed || readiness == Readiness) return;
        Readiness = readiness;
        _lane.Rearm(this);
    }

    /// <summary>What the file was found ready for since the last call; errors and hang-up count as readable.</summary>
    public LaneReadiness TakeReady()
    {
        LaneReadiness ready = _ready;
        _ready = LaneReadiness.None;
        return ready;
    }

    internal void Note(uint events)
    {
        _ready |= (LaneReadiness)events & (LaneReadiness.Readable | LaneReadiness.Writable | LaneReadiness.HungUp);
        if ((events & Failures) != 0) _ready |= LaneReadiness.Readable;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _lane.EndWatch(this);
    }
}
