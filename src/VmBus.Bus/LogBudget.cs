namespace VmBus.Bus;

/// <summary>Limits what a guest can write into the log: ten messages in five seconds, and the number that was left out.</summary>
/// <remarks>Any thread.</remarks>
public sealed class LogBudget(TimeProvider clock)
{
    private const int MessagesPerPeriod = 10;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private long _periodStart = clock.GetTimestamp();
    private int _spent;
    private long _suppressed;

    /// <summary>Whether one more message may be written.</summary>
    /// <param name="suppressed">How many were left out since the last one that was written.</param>
    public bool TrySpend(out long suppressed)
    {
        lock (_lock)
        {
            if (clock.GetElapsedTime(_periodStart) >= Period)
            {
                _periodStart = clock.GetTimestamp();
                _spent = 0;
            }

            suppressed = _suppressed;
            if (_spent >= MessagesPerPeriod)
            {
                _suppressed++;
                return false;
            }

            _spent++;
            _suppressed = 0;
            return true;
        }
    }
}
