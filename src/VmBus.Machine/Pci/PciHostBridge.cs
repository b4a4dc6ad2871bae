using System.Buffers.Binary;
using VmBus.Machine.Devices;

namespace VmBus.Machine.Pci;

/// <summary>PCI configuration access by ports: the host bridge 0:0.0, the devices of a bus where there is one, and the reset control register.</summary>
/// <remarks>
/// The bridge is there without a bus, too, because Linux on a machine without EFI reports an error when it finds no configuration mechanism at all, and
/// searches 32 slots in vain. Any thread. Source: PCI Local Bus 3.0 §3.2.2.3.2; protocol-spec/machine.md#ports.
/// </remarks>
public sealed class PciHostBridge : IPortDevice
{
    /// <summary>The reset control register; writing <see cref="ResetValue"/> resets the machine.</summary>
    public const ushort ResetPort = 0xCF9;

    /// <summary>Full reset of processors and devices.</summary>
    public const byte ResetValue = 0x06;

    internal const ushort AddressPort = 0xCF8;
    private const ushort DataPort = 0xCFC;
    private const uint AddressEnable = 0x8000_0000;
    private const uint AddressMask = 0x80FF_FFFC;
    private const uint BusMask = 0x00FF_0000;
    private const byte ResetCpu = 0x04;

    private readonly Lock _gate = new();
    private readonly Action _reset;
    private readonly byte[] _configuration = new byte[64];
    private PciBus? _bus;
    private uint _address;
    private byte _resetControl;

    /// <summary>The bridge of a machine that <paramref name="reset"/> resets.</summary>
    public PciHostBridge(Action reset)
    {
        _reset = reset;
        // Intel 440BX without AGP, what Hyper-V's own generation 1 shows; class 06 00 (host bridge).
        BinaryPrimitives.WriteUInt16LittleEndian(_configuration.AsSpan(0x00), 0x8086);
        BinaryPrimitives.WriteUInt16LittleEndian(_configuration.AsSpan(0x02), 0x7192);
        _configuration[0x08] = 0x03;
        _configuration[0x0B] = 0x06;
    }

    /// <inheritdoc/>
    public PortRange Range { get; } = new(AddressPort, 8);

    /// <summary>Has the ports lead to a bus, until <see cref="Reset"/>.</summary>
    internal void Connect(PciBus bus)
    {
        lock (_gate) _bus = bus;
    }

    /// <summary>Puts the latches into their power-on state, without a bus.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _bus = null;
            _address = 0;
            _resetControl = 0;
        }
    }

    /// <inheritdoc/>
    public uint Read(ushort port, int bytes)
    {
        lock (_gate)
        {
            if (port == ResetPort && bytes == 1) return _resetControl;
            if (port == AddressPort && bytes == 4) return _address;
            if (port < DataPort || (_address & AddressEnable) == 0) return uint.MaxValue;
            Span<byte> data = stackalloc byte[sizeof(uint)];
            data.Clear();
            int lane = port - DataPort;
            // An access ends with the register that the address names.
            Span<byte> part = data[..Math.Min(bytes, sizeof(uint) - lane)];
            ReadData(lane, part);
            return BinaryPrimitives.ReadUInt32LittleEndian(data);
        }
    }

    /// <inheritdoc/>
    public void Write(ushort port, int bytes, uint value)
    {
        bool reset = false;
        lock (_gate)
        {
            if (port == AddressPort && bytes == 4)
            {
                _address = value & AddressMask;
            }
            else if (port == ResetPort && bytes == 1)
            {
                reset = (value & ResetCpu) != 0;
                _resetControl = (byte)(value & ~(uint)ResetCpu);
            }
            else if (port >= DataPort && (_address & (AddressEnable | BusMask)) == AddressEnable)
            {
                Span<byte> data = stackalloc byte[sizeof(uint)];
                BinaryPrimitives.WriteUInt32LittleEndian(data, value);
                int lane = port - DataPort;
                _bus?.WriteConfiguration(Device, Function, Register + lane, data[..Math.Min(bytes, sizeof(uint) - lane)]);
            }
        }

        if (reset) _reset();
    }

    /// <summary>Reads the bridge's own configuration space.</summary>
    internal void ReadConfiguration(int offset, Span<byte> data)
    {
        for (int i = 0; i < data.Length; i++) data[i] = offset + i < _configuration.Length ? _configuration[offset + i] : (byte)0;
    }

    private int Device => (int)(_address >> 11) & 0x1F;

    private int Function => (int)(_address >> 8) & 7;

    private int Register => (int)(_address & 0xFC);

    private void ReadData(int lane, Span<byte> data)
    {
        if ((_address & BusMask) != 0) data.Fill(0xFF);
        else if (_bus is { } bus) bus.ReadConfiguration(Device, Function, Register + lane, data);
        else if (Device == 0 && Function == 0) ReadConfiguration(Register + lane, data);
        else data.Fill(0xFF);
    }
}
