using VmBus.Lanes;

namespace VmBus.Bus.Serving;

/// <summary>Looks again at a full ring whose reader never says that it has made room, at growing distances while it makes none.</summary>
/// <remarks>
/// Only for guests whose ring lacks the pending send size feature, and only while something waits: their own packets do not wake the host
/// either, because a host that waits leaves some in the ring. Used on the channel's lane; the timer posts to it.
/// </remarks>
internal sealed class SpaceRetry : IDisposable
{
    private const int FirstMs = 1;
    private const int LongestMs = 128;

    private readonly Lock _lock = new();
    private readonly ITimer _timer;
    private int _delayMs = FirstMs;
    private bool _isArmed;
    private bool _isDisposed;

    public SpaceRetry(Lane lane, Action look)
    {
        Action retry = () =>
        {
            _isArmed = false;
            look();
        };
        _timer = TimeProvider.System.CreateTimer(
            _ =>
            {
                // The lane outlives the channel, not a callback that is under way when the channel ends.
                lock (_lock)
                {
                    if (!_isDisposed) lane.Post(retry);
                }
            },
            null,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
    }

    /// <summary>Something waits for room: looks once, later.</summary>
    public void Arm()
    {
        if (_isArmed) return;
        _isArmed = true;
        _timer.Change(TimeSpan.FromMilliseconds(_delayMs), Timeout.InfiniteTimeSpan);
        _delayMs = Math.Min(_delayMs * 2, LongestMs);
    }

    /// <summary>There was room: the guest reads, so the next look comes soon.</summary>
    public void Restart() => _delayMs = FirstMs;

    public void Dispose()
    {
        lock (_lock) _isDisposed = true;
        _timer.Dispose();
    }
}
