using System.Buffers.Binary;

namespace VmBus.Machine.Devices;

/// <summary>PCI configuration access by ports with one function, the host bridge 0:0.0, and the reset control register among them.</summary>
/// <remarks>
/// There is no PCI bus: ACPI names no root. The bridge is there because Linux on a machine without EFI reports an error when it finds no
/// configuration mechanism at all, and searches 32 slots in vain. Any thread. Source: PCI Local Bus 3.0 §3.2.2.3.2; protocol-spec/machine.md#ports.
/// </remarks>
public sealed class PciHostBridge : IPortDevice
{
    /// <summary>The reset control register; writing <see cref="ResetValue"/> resets the machine.</summary>
    public const ushort ResetPort = 0xCF9;

    /// <summary>Full reset of processors and devices.</summary>
    public const byte ResetValue = 0x06;

    private const ushort AddressPort = 0xCF8;
    private const ushort DataPort = 0xCFC;
    private const uint AddressEnable = 0x8000_0000;
    private const uint AddressMask = 0x80FF_FFFC;
    private const byte ResetCpu = 0x04;

    private readonly Lock _gate = new();
    private readonly Action _reset;
    private readonly byte[] _configuration = new byte[64];
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

    /// <summary>Puts the latches into their power-on state.</summary>
    public void Reset()
    {
        lock (_gate)
        {
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
            return port >= DataPort ? ReadConfiguration(port - DataPort, bytes) : uint.MaxValue;
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
        }

        if (reset) _reset();
    }

    private uint ReadConfiguration(int lane, int bytes)
    {
        // Bus 0, device 0, function 0 leaves only the register number in the address.
        uint register = _address & ~AddressEnable;
        if ((_address & AddressEnable) == 0 || register > 0xFC) return uint.MaxValue;
        uint value = 0;
        for (int i = 0; i < bytes && lane + i < 4; i++)
        {
            int offset = (int)register + lane + i;
            uint part = offset < _configuration.Length ? _configuration[offset] : 0u;
            value |= part << (8 * i);
        }

        return value;
    }
}
