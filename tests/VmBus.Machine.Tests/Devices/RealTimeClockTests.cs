using VmBus.Machine.Devices;
using VmBus.TestKit;
using Xunit;

namespace VmBus.Machine.Tests.Devices;

public sealed class RealTimeClockTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly RecordingLine _line = new();
    private readonly RealTimeClock _rtc;
    private int _alarms;

    public RealTimeClockTests() => _rtc = new RealTimeClock(_line, () => _alarms++, _clock);

    public void Dispose() => _rtc.Dispose();

    // The manual clock starts on Thursday 2024-02-29 at 23:59:57 UTC.
    [Fact]
    public void Time_is_UTC_in_BCD_and_24_hours_after_power_on()
    {
        Assert.Equal([0x57, 0x59, 0x23, 0x05, 0x29, 0x02, 0x24, 0x20], ReadTime());
        Assert.Equal(0x02, Register(0x0B));
        Assert.Equal(0x80, Register(0x0D));
        Assert.Equal(0, Register(0x0A) & 0x80);
    }

    [Fact]
    public void Time_rolls_over_a_leap_day()
    {
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal([0x00, 0x00, 0x00, 0x06, 0x01, 0x03, 0x24, 0x20], ReadTime());
    }

    [Theory]
    [InlineData(0x06, 57, 59, 23)]
    [InlineData(0x04, 57, 59, 0x80 | 11)]
    [InlineData(0x00, 0x57, 0x59, 0x80 | 0x11)]
    public void Formats_follow_status_B(byte statusB, int seconds, int minutes, int hours)
    {
        SetRegister(0x0B, statusB);
        Assert.Equal([seconds, minutes, hours], [Register(0), Register(2), Register(4)]);
    }

    // Linux' rtc_cmos: hold, write the fields, let go.
    [Fact]
    public void Time_set_by_the_guest_is_kept_over_a_reset()
    {
        SetRegister(0x0B, 0x82);
        foreach ((byte register, byte value) in new (byte, byte)[] { (0, 0x30), (2, 0x15), (4, 0x12), (7, 0x24), (8, 0x12), (9, 0x31), (0x32, 0x20) })
            SetRegister(register, value);
        _clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(0x30, Register(0));
        SetRegister(0x0B, 0x02);
        _clock.Advance(TimeSpan.FromSeconds(5));
        _rtc.Reset(_line);
        Assert.Equal([0x35, 0x15, 0x12, 0x04, 0x24, 0x12, 0x31, 0x20], ReadTime());
    }

    [Fact]
    public void Date_that_does_not_exist_leaves_the_clock_running()
    {
        SetRegister(7, 0x31);
        SetRegister(8, 0x99);
        SetRegister(0, 0xFF);
        SetRegister(0x32, 0x99);
        Assert.Equal([0x57, 0x59, 0x23, 0x05, 0x29, 0x02, 0x24, 0x20], ReadTime());
    }

    [Fact]
    public void Registers_belong_to_one_moment_after_status_A_was_read()
    {
        _ = Register(0x0A);
        Assert.Equal(0x57, Register(0));
        _clock.Advance(TimeSpan.FromMilliseconds(1.5));
        Assert.Equal(0x57, Register(0));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0x58, Register(0));
    }

    [Fact]
    public void Alarm_interrupts_once_at_its_second()
    {
        SetRegister(1, 0x02);
        SetRegister(3, 0x00);
        SetRegister(5, 0x00);
        SetRegister(0x0B, 0x22);
        _clock.Advance(TimeSpan.FromSeconds(4.5));
        Assert.Equal(0, _line.Pulses);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((1, 1), (_line.Pulses, _alarms));
        Assert.Equal(0xB0, Register(0x0C));
        Assert.Equal(0, Register(0x0C));
    }

    [Fact]
    public void Alarm_with_wildcards_matches_every_second()
    {
        foreach (byte register in new byte[] { 1, 3, 5 }) SetRegister(register, 0xFF);
        SetRegister(0x0B, 0x22);
        for (int i = 1; i <= 3; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1.1));
            Assert.Equal(i, _line.Pulses);
            _ = Register(0x0C);
        }
    }

    [Fact]
    public void Update_interrupt_repeats_only_when_acknowledged_and_no_host_timer_runs_without_it()
    {
        Assert.Equal(0, _clock.RunningTimers);
        SetRegister(0x0B, 0x12);
        Assert.Equal(1, _clock.RunningTimers);
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(1, _line.Pulses);
        Assert.Equal(0x90, Register(0x0C) & 0xD0);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(2, _line.Pulses);
        SetRegister(0x0B, 0x02);
        Assert.Equal(0, _clock.RunningTimers);
    }

    [Fact]
    public void Memory_keeps_what_is_written_and_the_NMI_mask_is_not_part_of_the_index()
    {
        SetRegister(0x8F, 0x0A);
        Assert.Equal(0x0A, Register(0x0F));
        SetRegister(0x7F, 0x77);
        Assert.Equal(0x77, Register(0xFF));
        Assert.Equal(0x00, Register(0x10));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Any_sequence_of_accesses_is_survived(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < 50_000; i++)
        {
            SetRegister((byte)random.Next(256), (byte)random.Next(256));
            _ = Register((byte)random.Next(256));
            if (i % 100 == 0) _clock.Advance(TimeSpan.FromMilliseconds(random.Next(3000)));
        }

        _rtc.Reset(_line);
        Assert.Equal(0x80, Register(0x0D));
    }

    private int Register(byte index)
    {
        _rtc.Write(0x70, 1, index);
        return (int)_rtc.Read(0x71, 1);
    }

    private void SetRegister(byte index, byte value)
    {
        _rtc.Write(0x70, 1, index);
        _rtc.Write(0x71, 1, value);
    }

    private int[] ReadTime() => [Register(0), Register(2), Register(4), Register(6), Register(7), Register(8), Register(9), Register(0x32)];
}
