using VmBus.Machine.Devices;
using VmBus.TestKit;
using Xunit;

namespace VmBus.Machine.Tests.Devices;

public sealed class ChipsetDevicesTests : IDisposable
{
    private readonly CollectingSink _sink = new();
    private readonly ChipsetDevices _devices;
    private readonly List<ResetSource> _resets = [];
    private int _powerOffs;

    public ChipsetDevicesTests() => _devices = new ChipsetDevices(NewLines(), _sink, () => _powerOffs++, _resets.Add, new ManualClock());

    public void Dispose()
    {
        _devices.Dispose();
        _sink.Dispose();
    }

    [Fact]
    public void No_two_devices_share_a_port()
    {
        IReadOnlyList<IPortDevice> devices = _devices.PortDevices;
        for (int i = 0; i < devices.Count; i++)
            Assert.DoesNotContain(devices.Skip(i + 1), other => other.Range.Overlaps(devices[i].Range));
    }

    [Fact]
    public void Guest_powers_off_by_ACPI()
    {
        Write(0x604, 2, (5 << 10) | (1 << 13));
        Assert.Equal(1, _powerOffs);
        Assert.Empty(_resets);
    }

    [Theory]
    [InlineData(0xCF9, 0x06, ResetSource.ResetControlRegister)]
    [InlineData(0xCF9, 0x0E, ResetSource.ResetControlRegister)]
    [InlineData(0x64, 0xFE, ResetSource.KeyboardController)]
    public void Guest_resets_by_the_reset_register_and_by_the_keyboard_controller(ushort port, byte value, ResetSource source)
    {
        Write(port, 1, 0x02);
        Assert.Empty(_resets);
        Write(port, 1, value);
        Assert.Equal(0, _powerOffs);
        Assert.Equal([source], _resets);
    }

    // Linux waits for the controller's input buffer (bit 1) before it pulses the reset line.
    [Fact]
    public void Keyboard_controller_looks_idle() => Assert.Equal(0u, Read(0x64, 1) & 3);

    [Fact]
    public void System_control_port_reports_no_NMI_and_toggles_refresh()
    {
        Write(0x61, 1, 0xFF);
        uint first = Read(0x61, 1);
        Assert.Equal(0u, first & 0xC0);
        Assert.Equal(0x10u, (first ^ Read(0x61, 1)) & 0x10);
    }

    [Fact]
    public void Configuration_mechanism_shows_a_host_bridge_and_nothing_else()
    {
        Write(0xCF8, 4, 0x8000_0000);
        Assert.Equal(0x8000_0000u, Read(0xCF8, 4));
        Assert.Equal(0x7192_8086u, Read(0xCFC, 4));
        Write(0xCF8, 4, 0x8000_0008);
        Assert.Equal(0x0600u, Read(0xCFE, 2));
        Assert.Equal(0x06u, Read(0xCFF, 1));
        foreach (uint address in new uint[] { 0x8000_0100, 0x8000_0800, 0x8001_0000, 0x0000_0000 })
        {
            Write(0xCF8, 4, address);
            Assert.Equal(uint.MaxValue, Read(0xCFC, 4));
        }

        Write(0xCF8, 1, 0x80);
        Assert.Equal(0u, Read(0xCF8, 4));
    }

    [Theory]
    [InlineData(0x80)]
    [InlineData(0xED)]
    public void Delay_ports_swallow_writes(ushort port)
    {
        Write(port, 1, 0x5A);
        Assert.Equal(0u, Read(port, 1));
    }

    [Fact]
    public void Reset_moves_every_interrupt_to_the_new_machine()
    {
        ChipsetLines lines = NewLines();
        _devices.Reset(lines);
        Write(0x3F9, 1, 2);
        Write(0x602, 2, 0x100);
        _devices.Power.PressPowerButton();
        Assert.Equal(1, ((RecordingLine)lines.Com1).Pulses);
        Assert.True(((RecordingLine)lines.SystemControl).IsRaised);
    }

    private static ChipsetLines NewLines() => new(new RecordingLine(), new RecordingLine(), new RecordingLine());

    private IPortDevice Device(ushort port) => _devices.PortDevices.Single(device => device.Range.Contains(port));

    private void Write(ushort port, int bytes, uint value) => Device(port).Write(port, bytes, value);

    private uint Read(ushort port, int bytes) => Device(port).Read(port, bytes);
}
