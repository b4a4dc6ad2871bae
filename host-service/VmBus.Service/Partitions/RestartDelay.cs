namespace VmBus.Service.Partitions;

/// <summary>How long to wait before the next restart: twice as long each time, unless the partition has run well in between.</summary>
internal sealed class RestartDelay
{
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Well = TimeSpan.FromSeconds(60);
    private TimeSpan _next = Least;

    /// <summary>The time to wait now.</summary>
    /// <param name="ran">How long the partition has run.</param>
    public TimeSpan Next(TimeSpan ran)
    {
        if (ran >= Well) _next = Least;
        TimeSpan now = _next;
        _next = now * 2 > Most ? Most : now * 2;
        return now;
    }
}
