using VmBus.Machine.Devices;
using VmBus.Machine.Ports;
using Xunit;

namespace VmBus.Machine.Tests.Ports;

/// <summary>Which device answers a port, and with which bytes.</summary>
public sealed class PortBusTests
{
    private readonly PortBus _bus = new();
    private readonly Recorder _device = new(new PortRange(0x3F8, 8));

    public PortBusTests() => _bus.Add(_device);

    [Theory]
    [InlineData(1, "78")]
    [InlineData(2, "7856")]
    [InlineData(4, "78563412")]
    public void Read_fills_every_element_little_endian(int width, string element)
    {
        byte[] data = new byte[width * 3];
        _bus.Read(0x3FF, width, data);
        Assert.Equal(element + element + element, Convert.ToHexStringLower(data));
        Assert.Equal(3, _device.Accesses.Count);
    }

    [Fact]
    public void Write_hands_on_every_element()
    {
        _bus.Write(0x3F8, 2, [1, 2, 3, 4]);
        Assert.Equal([(0x3F8, 2, 0x201u), (0x3F8, 2, 0x403u)], _device.Accesses);
    }

    [Theory]
    [InlineData((ushort)0x3F7, 1)]
    [InlineData((ushort)0x400, 4)]
    [InlineData((ushort)0x3F8, 3)]
    [InlineData((ushort)0x3F8, 0)]
    public void Ports_and_widths_without_a_device_read_all_ones(ushort port, int width)
    {
        byte[] data = new byte[4];
        _bus.Read(port, width, data);
        _bus.Write(port, width, data);
        Assert.Equal([0xFF, 0xFF, 0xFF, 0xFF], data);
        Assert.Empty(_device.Accesses);
    }

    [Theory]
    [InlineData(0x3F1, 8)]
    [InlineData(0x3FF, 1)]
    [InlineData(0x3F8, 8)]
    [InlineData(0, 0x10000)]
    [InlineData(0x100, 0)]
    [InlineData(0xFFFF, 2)]
    public void Ranges_that_overlap_or_do_not_exist_are_refused(int first, int count)
        => Assert.Throws<ArgumentException>(() => _bus.Add(new Recorder(new PortRange((ushort)first, count))));

    [Fact]
    public void Neighbours_are_accepted()
    {
        _bus.Add(new Recorder(new PortRange(0x3F0, 8)));
        _bus.Add(new Recorder(new PortRange(0xFFFF, 1)));
    }

    private sealed class Recorder(PortRange range) : IPortDevice
    {
        internal List<(int Port, int Bytes, uint Value)> Accesses { get; } = [];

        public PortRange Range => range;

        public uint Read(ushort port, int bytes)
        {
            Accesses.Add((port, bytes, 0));
            return 0x1234_5678;
        }

        public void Write(ushort port, int bytes, uint value) => Accesses.Add((port, bytes, value));
    }
}
