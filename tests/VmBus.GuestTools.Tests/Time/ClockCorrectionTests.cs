using VmBus.GuestTools.Daemon;
using VmBus.GuestTools.Time;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.Tests.Time;

public sealed class ClockCorrectionTests
{
    private readonly RecordingClock _clock = new();
    private readonly List<string> _lines = [];
    private readonly ClockCorrection _correction;

    public ClockCorrectionTests() => _correction = new ClockCorrection(_clock, TimeSpan.FromMilliseconds(400), new DaemonLog(_lines.Add));

    [Theory]
    [InlineData(0)]
    [InlineData(400_000_000)]
    [InlineData(-399_999_999)]
    public void Small_offset_is_worked_off(long nanoseconds)
    {
        _correction.Apply(nanoseconds);
        Assert.Equal([$"slew {nanoseconds}"], _clock.Calls);
        Assert.Empty(_lines);
    }

    [Theory]
    [InlineData(400_000_001)]
    [InlineData(-86_400_000_000_000)]
    [InlineData(long.MinValue)]
    public void Large_offset_is_a_step_and_what_was_being_worked_off_is_forgotten(long nanoseconds)
    {
        _correction.Apply(nanoseconds);
        Assert.Equal([$"step {nanoseconds}", "slew 0"], _clock.Calls);
        Assert.Contains("stepped the clock by", Assert.Single(_lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Clock_that_cannot_be_set_is_told_of_once()
    {
        _clock.Result = -Errno.EPERM;
        for (int i = 0; i < 3; i++) _correction.Apply(1);
        Assert.Contains("CAP_SYS_TIME", Assert.Single(_lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "0.000000 s")]
    [InlineData(12_345, "+0.000012 s")]
    [InlineData(-1_500_000_000, "-1.500000 s")]
    public void Offset_is_shown_in_seconds(long nanoseconds, string text) => Assert.Equal(text, ClockCorrection.Show(nanoseconds));

    private sealed class RecordingClock : ISettableClock
    {
        public List<string> Calls { get; } = [];

        public int Result { get; set; }

        public int Step(long nanoseconds)
        {
            Calls.Add($"step {nanoseconds}");
            return Result;
        }

        public int Slew(long nanoseconds)
        {
            Calls.Add($"slew {nanoseconds}");
            return Result;
        }
    }
}
