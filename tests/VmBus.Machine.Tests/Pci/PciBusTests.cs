using System.Buffers.Binary;
using VmBus.Machine.Pci;
using Xunit;

namespace VmBus.Machine.Tests.Pci;

public sealed class PciBusTests : IDisposable
{
    private const int Command = 0x04;
    private const int Range = 0x10;
    private const int MessageControl = 0x42;
    private const int Access = 0x54;
    private const uint Memory = 2;
    private const ulong Start = PciLayout.WindowStart + PciFunction.RegisterBytes;

    private readonly FakePciDevice _first = new();
    private readonly FakePciDevice _device = new();
    private readonly FakePciHost _host = new();
    private readonly PciHostBridge _bridge = new(static () => { });
    private readonly PciBus _bus;

    public PciBusTests()
    {
        _bus = new PciBus(_host, _bridge, [_first, _device]);
        _bridge.Connect(_bus);
    }

    public void Dispose()
    {
        _first.Dispose();
        _device.Dispose();
    }

    [Fact]
    public void Ports_and_memory_lead_to_the_same_configuration_space()
    {
        Assert.Equal(0x1042_1AF4U, Configuration(0));
        Assert.Equal(0x1042_1AF4U, ByPorts(0x8000_1000));
        Assert.Equal(0x7192_8086U, ByPorts(0x8000_0000));
        // Another function, another device, another bus, and nothing asked for.
        foreach (uint address in new[] { 0x8000_1100U, 0x8000_1800U, 0x8001_1000U, 0x0000_1000U }) Assert.Equal(uint.MaxValue, ByPorts(address));
        _bridge.Write(0xCF8, 4, 0x8000_1004);
        _bridge.Write(0xCFC, 2, Memory);
        Assert.Equal(Memory, Configuration(Command) & 0xFFFF);
        Assert.Equal(0U, Configuration(0x100));
    }

    [Fact]
    public void Capabilities_are_a_list_that_ends()
    {
        byte[] space = [.. Enumerable.Range(0, 64).SelectMany(i => BitConverter.GetBytes(Configuration(i * 4)))];
        Assert.NotEqual(0, space[6] & 0x10);
        List<(byte Id, int At)> found = [];
        for (int at = space[0x34]; at != 0; at = space[at + 1]) found.Add((space[at], at));
        Assert.Equal([(0x11, 0x40), (9, 0x4C), (9, Access)], found);
        Assert.Equal([0x55, 0x66], space[0x50..0x52]);
        Assert.Equal(1, BinaryPrimitives.ReadUInt16LittleEndian(space.AsSpan(MessageControl)));
    }

    [Fact]
    public void Range_tells_its_length_and_moves_with_its_doorbell()
    {
        Configure(Range, uint.MaxValue);
        Assert.Equal(~(uint)(PciFunction.RegisterBytes - 1), Configuration(Range));
        Configure(Range, (uint)Start);
        Assert.Empty(_host.Bound);
        Configure(Command, Memory);
        Assert.Equal([Start + FakePciDevice.DoorbellAt], _host.Bound.Keys);
        _device.Registers[4] = 7;
        Assert.Equal(7U, Register(Start + 4));

        const ulong Elsewhere = PciLayout.WindowStart + 0x10_0000;
        Configure(Range, (uint)Elsewhere);
        Assert.Equal([Elsewhere + FakePciDevice.DoorbellAt], _host.Bound.Keys);
        Assert.Equal((uint.MaxValue, 7U), (Register(Start + 4), Register(Elsewhere + 4)));
        // Outside the bridge's window there is nothing, whatever it says.
        Configure(Range, 0x10_0000);
        Assert.Empty(_host.Bound);
        Configure(Range, (uint)Elsewhere);
        Configure(Command, 0);
        Assert.Empty(_host.Bound);
        Assert.Equal(uint.MaxValue, Register(Elsewhere + 4));
    }

    [Fact]
    public void Message_is_sent_while_it_is_enabled_and_not_masked()
    {
        FakePciHost.FakeMessage message = _host.Added[3];
        Configure(Command, Memory);
        WriteEntry(1, 0xFEE0_1000, 0x31, masked: false);
        Assert.Null(message.Sends);
        ConfigureControl(0x8000);
        Assert.Equal((0xFEE0_1000UL, 0x31U), message.Sends);
        Assert.Null(_host.Added[2].Sends);
        ConfigureControl(0xC000);
        Assert.Null(message.Sends);
        ConfigureControl(0x8000);
        Write(Start + PciFunction.TableAt + 16 + 8, 0x32);
        Assert.Equal((0xFEE0_1000UL, 0x32U), message.Sends);
        WriteEntry(1, 0xFEE0_1000, 0x32, masked: true);
        Assert.Null(message.Sends);
        Assert.Equal(0xFEE0_1000U, Register(Start + PciFunction.TableAt + 16));
        int changes = message.Changes;
        WriteEntry(1, 0xFEE0_2000, 0x33, masked: true);
        Assert.Equal(changes, message.Changes);
    }

    [Fact]
    public void Message_that_is_masked_is_pending_once_signalled()
    {
        Configure(Command, Memory);
        ConfigureControl(0x8000);
        Assert.Equal(0U, Register(Start + 0x3000));
        _device.Messages[1].Signal();
        Assert.Equal(2U, Register(Start + 0x3000));
        WriteEntry(1, 0xFEE0_0000, 0x31, masked: false);
        // The kernel has it now, and sends it.
        Assert.Equal(0U, Register(Start + 0x3000));
    }

    [Fact]
    public void Registers_are_reached_through_configuration_space()
    {
        Configure(Access + 8, 0x10);
        Configure(Access + 12, 4);
        Configure(Access + 16, 0x1122_3344);
        Assert.Equal(0x1122_3344, BinaryPrimitives.ReadInt32LittleEndian(_device.Registers.AsSpan(0x10)));
        _device.Registers[0x13] = 0x55;
        Assert.Equal(0x5522_3344U, Configuration(Access + 16));
        Configure(Access + 8, FakePciDevice.DoorbellAt);
        Configure(Access + 16, 0);
        Assert.True(_device.Doorbell.IsSignalled);
        // Beyond the registers, or with another length than the access has, nothing happens.
        Configure(Access + 8, 0x4000_0010);
        Configure(Access + 16, 1);
        Configure(Access + 8, 0x10);
        Configure(Access + 12, 8);
        Configure(Access + 16, 1);
        Assert.Equal(0x5522_3344, BinaryPrimitives.ReadInt32LittleEndian(_device.Registers.AsSpan(0x10)));
    }

    [Fact]
    public void Accesses_of_any_kind_anywhere_do_no_harm()
    {
        var random = new Random(3);
        for (int i = 0; i < 50_000; i++)
        {
            byte[] value = new byte[1 << random.Next(4)];
            random.NextBytes(value);
            if (random.Next(2) == 0) value.AsSpan(1).Clear();
            int register = random.Next(4) == 0 ? random.Next(4096) : random.Next(0x70);
            ulong address = random.Next(4) == 0 ? Start + (ulong)random.Next(PciFunction.RegisterBytes) : PciLayout.WindowStart + (ulong)random.Next((int)PciLayout.WindowBytes);
            switch (random.Next(4))
            {
                case 0:
                    _bus.WriteConfiguration(random.Next(4), random.Next(2), register, value);
                    break;
                case 1:
                    _bus.ReadConfiguration(random.Next(32), random.Next(8), register, value);
                    break;
                case 2:
                    _bus.WriteRegisters(address, value);
                    break;
                default:
                    _bus.ReadRegisters(address, value);
                    break;
            }

            if (random.Next(2) == 0) _bridge.Write((ushort)(0xCF8 + random.Next(8)), 1 << random.Next(3), (uint)random.NextInt64(uint.MaxValue));
            else _ = _bridge.Read((ushort)(0xCF8 + random.Next(8)), 1 << random.Next(3));
        }

        Assert.InRange(_host.Bound.Count, 0, 2);
    }

    private void WriteEntry(int index, ulong address, uint data, bool masked)
    {
        ulong at = Start + PciFunction.TableAt + ((ulong)index * 16);
        Write(at + 12, 1);
        Write(at, (uint)address);
        Write(at + 4, (uint)(address >> 32));
        Write(at + 8, data);
        Write(at + 12, masked ? 1U : 0U);
    }

    private void Write(ulong address, uint value) => _bus.WriteRegisters(address, BitConverter.GetBytes(value));

    private uint Register(ulong address)
    {
        byte[] bytes = new byte[4];
        _bus.ReadRegisters(address, bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    private void Configure(int register, uint value) => _bus.WriteConfiguration(2, 0, register, BitConverter.GetBytes(value));

    private void ConfigureControl(ushort value) => _bus.WriteConfiguration(2, 0, MessageControl, BitConverter.GetBytes(value));

    private uint Configuration(int register)
    {
        byte[] bytes = new byte[4];
        _bus.ReadConfiguration(2, 0, register, bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    private uint ByPorts(uint address)
    {
        _bridge.Write(0xCF8, 4, address);
        return _bridge.Read(0xCFC, 4);
    }
}
