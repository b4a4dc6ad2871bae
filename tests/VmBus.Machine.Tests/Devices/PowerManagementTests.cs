using VmBus.Machine.Devices;
using VmBus.TestKit;
using Xunit;

namespace VmBus.Machine.Tests.Devices;

public sealed class PowerManagementTests : IDisposable
{
    private const ushort Status = 0x600;
    private const ushort Enable = 0x602;
    private const ushort Control = 0x604;
    private const ushort TimerPort = 0x608;
    private const uint PowerButton = 0x100;
    private const uint Clock = 0x400;
    private const uint Timer = 1;

    private readonly ManualClock _clock = new();
    private readonly RecordingLine _line = new();
    private readonly PowerManagement _power;
    private int _powerOffs;

    public PowerManagementTests() => _power = new PowerManagement(_line, () => _powerOffs++, _clock);

    public void Dispose() => _power.Dispose();

    [Fact]
    public void Power_button_raises_the_interrupt_until_the_guest_clears_its_status()
    {
        _power.Write(Enable, 2, PowerButton);
        Assert.True(_power.PressPowerButton());
        Assert.True(_line.IsRaised);
        Assert.Equal(PowerButton, Read(Status, 2));
        _power.Write(Status, 2, 0x001F);
        Assert.True(_line.IsRaised);
        _power.Write(Status, 2, PowerButton);
        Assert.False(_line.IsRaised);
        Assert.Equal(0u, Read(Status, 2));
    }

    [Fact]
    public void Power_button_before_the_guest_listens_is_told_and_kept()
    {
        Assert.False(_power.PressPowerButton());
        Assert.False(_line.IsRaised);
        _power.Write(Enable, 2, PowerButton);
        Assert.True(_line.IsRaised);
    }

    [Theory]
    [InlineData(PowerButton)]
    [InlineData(Clock)]
    [InlineData(Timer)]
    [InlineData(0x20u)]
    public void Every_event_can_be_enabled(uint bit)
    {
        _power.Write(Enable, 2, bit);
        Assert.Equal(bit, Read(Enable, 2));
    }

    [Fact]
    public void Clock_alarm_raises_the_interrupt_where_enabled()
    {
        _power.ReportAlarm();
        Assert.False(_line.IsRaised);
        _power.Write(Enable, 2, Clock);
        Assert.True(_line.IsRaised);
    }

    [Fact]
    public void Sleep_type_5_with_sleep_enable_powers_off()
    {
        Assert.Equal(1u, Read(Control, 2));
        _power.Write(Control, 2, 5 << 10);
        Assert.Equal(0, _powerOffs);
        Assert.Equal((5u << 10) | 1, Read(Control, 2));
        _power.Write(Control, 2, (5 << 10) | (1 << 13));
        Assert.Equal(1, _powerOffs);
    }

    [Fact]
    public void Power_off_by_byte_access_works_and_other_sleep_types_do_nothing()
    {
        for (uint type = 0; type < 8; type++) _power.Write(Control + 1, 1, (type << 2) | 0x20);
        Assert.Equal(1, _powerOffs);
    }

    [Fact]
    public void Timer_runs_at_its_frequency_in_32_bits()
    {
        uint start = Read(TimerPort, 4);
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(35_795_450u, Read(TimerPort, 4) - start);
        _clock.Advance(TimeSpan.FromSeconds(1200));
        Assert.Equal(unchecked((uint)(1210UL * 3_579_545)), Read(TimerPort, 4) - start);
        Assert.Equal(Read(TimerPort, 4) >> 16, Read(TimerPort + 2, 2));
    }

    [Fact]
    public void Timer_status_is_set_when_the_highest_bit_changes_and_interrupts_where_enabled()
    {
        TimeSpan half = TimeSpan.FromSeconds(2147483648.0 / 3_579_545);
        _clock.Advance(half - TimeSpan.FromSeconds(1));
        Assert.Equal(0u, Read(Status, 2) & Timer);
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(Timer, Read(Status, 2) & Timer);
        Assert.Equal(0, _clock.RunningTimers);

        _power.Write(Status, 2, Timer);
        _power.Write(Enable, 2, Timer);
        Assert.False(_line.IsRaised);
        _clock.Advance(half);
        Assert.True(_line.IsRaised);
    }

    [Fact]
    public void Reset_lowers_the_line_of_the_new_machine()
    {
        _power.Write(Enable, 2, PowerButton);
        _power.PressPowerButton();
        var line = new RecordingLine();
        line.SetLevel(true);
        _power.Reset(line);
        Assert.False(line.IsRaised);
        Assert.Equal(0u, Read(Status, 4));
        _power.Write(Enable, 2, PowerButton);
        _power.PressPowerButton();
        Assert.True(line.IsRaised);
    }

    [Fact]
    public void Any_sequence_of_accesses_is_survived()
    {
        var random = new Random(4);
        for (int i = 0; i < 50_000; i++)
        {
            ushort port = (ushort)(Status + random.Next(12));
            int bytes = 1 << random.Next(3);
            if (random.Next(2) == 0) _power.Write(port, bytes, (uint)random.NextInt64(uint.MaxValue));
            else _ = Read(port, bytes);
        }

        Assert.True(_powerOffs > 0);
    }

    private uint Read(ushort port, int bytes) => _power.Read(port, bytes) & (uint)((1UL << (8 * bytes)) - 1);
}
