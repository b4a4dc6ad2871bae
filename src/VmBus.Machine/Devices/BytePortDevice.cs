namespace VmBus.Machine.Devices;

/// <summary>A device whose registers are one byte wide: a wider access is as many byte accesses at rising ports, as on an 8-bit ISA bus.</summary>
/// <remarks>Ports beyond the range read as ones and ignore writes. Thread rule: that of <see cref="IPortDevice"/>.</remarks>
public abstract class BytePortDevice : IPortDevice
{
    /// <inheritdoc/>
    public abstract PortRange Range { get; }

    /// <inheritdoc/>
    public uint Read(ushort port, int bytes)
    {
        uint value = 0;
        for (int i = 0; i < bytes; i++)
        {
            int offset = port + i - Range.First;
            uint part = offset < Range.Count ? ReadByte(offset) : 0xFFu;
            value |= part << (8 * i);
        }

        return value;
    }

    /// <inheritdoc/>
    public void Write(ushort port, int bytes, uint value)
    {
        for (int i = 0; i < bytes; i++)
        {
            int offset = port + i - Range.First;
            if (offset < Range.Count) WriteByte(offset, (byte)(value >> (8 * i)));
        }
    }

    /// <summary>Reads the register at <paramref name="offset"/> from the first port; 0 to the range's count - 1.</summary>
    protected abstract byte ReadByte(int offset);

    /// <summary>Writes the register at <paramref name="offset"/> from the first port; 0 to the range's count - 1.</summary>
    protected abstract void WriteByte(int offset, byte value);
}
