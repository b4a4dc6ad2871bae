namespace VmBus.Bus.Tests;

/// <summary>A guest cannot fill the host's log.</summary>
public sealed class LogBudgetTests
{
    [Fact]
    public void Ten_messages_pass_and_the_rest_are_counted_until_the_next_period()
    {
        var clock = new ManualClock();
        var budget = new LogBudget(clock);
        for (int i = 0; i < 10; i++) Assert.True(budget.TrySpend(out _));
        for (int i = 0; i < 7; i++) Assert.False(budget.TrySpend(out _));
        clock.Now += TimeSpan.FromSeconds(5).Ticks;
        Assert.True(budget.TrySpend(out long suppressed));
        Assert.Equal(7, suppressed);
        Assert.True(budget.TrySpend(out suppressed));
        Assert.Equal(0, suppressed);
    }

    private sealed class ManualClock : TimeProvider
    {
        public long Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now;
    }
}
