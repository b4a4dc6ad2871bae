namespace VmBus.Machine;

/// <summary>Lets through a few log lines of a kind that the guest can trigger: 10 in 5 seconds. Any thread; allocates nothing.</summary>
internal sealed class GuestLogLimiter
{
    private const int LinesPerWindow = 10;
    private const long WindowMs = 5000;

    private readonly Lock _gate = new();
    private long _windowStart = long.MinValue / 2;
    private int _lines;
    private long _suppressed;

    /// <summary>Whether to log now, and how many lines were held back since the last one that was not.</summary>
    internal bool TryEnter(out long suppressed) => TryEnter(Environment.TickCount64, out suppressed);

    internal bool TryEnter(long nowMs, out long suppressed)
    {
        lock (_gate)
        {
            suppressed = 0;
            if (nowMs - _windowStart >= WindowMs) (_windowStart, _lines) = (nowMs, 0);
            if (_lines == LinesPerWindow)
            {
                _suppressed++;
                return false;
            }

            _lines++;
            (suppressed, _suppressed) = (_suppressed, 0);
            return true;
        }
    }
}
