using System.Buffers.Binary;
using VmBus.Machine.Devices;

namespace VmBus.Machine.Ports;

/// <summary>Finds the device behind an I/O port. Ports without one read all-ones and ignore writes.</summary>
/// <remarks>Accesses come from any vCPU thread; devices may be added at any time.</remarks>
internal sealed class PortBus
{
    private readonly Lock _gate = new();
    private IPortDevice[] _devices = [];

    /// <summary>Adds a device.</summary>
    /// <exception cref="ArgumentException">Its range is empty, ends beyond port 65535, or has a port that is taken.</exception>
    internal void Add(IPortDevice device)
    {
        PortRange range = device.Range;
        if (range.Count < 1 || range.Last > ushort.MaxValue)
            throw new ArgumentException($"A device at port 0x{range.First:x} cannot have {range.Count} ports.", nameof(device));
        lock (_gate)
        {
            foreach (IPortDevice other in _devices)
            {
                if (other.Range.Overlaps(range))
                {
                    throw new ArgumentException(
                        $"Ports 0x{range.First:x} to 0x{range.Last:x} overlap those of a device at 0x{other.Range.First:x}.", nameof(device));
                }
            }

            Volatile.Write(ref _devices, [.. _devices, device]);
        }
    }

    /// <summary>Reads <paramref name="width"/> bytes per element of a string operation, or once.</summary>
    internal void Read(ushort port, int width, Span<byte> data)
    {
        IPortDevice? device = Find(port);
        if (device is null || width is not (1 or 2 or 4))
        {
            data.Fill(0xFF);
            return;
        }

        for (; data.Length >= width; data = data[width..])
        {
            uint value = device.Read(port, width);
            if (width == 1) data[0] = (byte)value;
            else if (width == 2) BinaryPrimitives.WriteUInt16LittleEndian(data, (ushort)value);
            else BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        }
    }

    /// <summary>Writes <paramref name="width"/> bytes per element of a string operation, or once.</summary>
    internal void Write(ushort port, int width, ReadOnlySpan<byte> data)
    {
        IPortDevice? device = Find(port);
        if (device is null || width is not (1 or 2 or 4)) return;
        for (; data.Length >= width; data = data[width..])
        {
            uint value = width switch
            {
                1 => data[0],
                2 => BinaryPrimitives.ReadUInt16LittleEndian(data),
                _ => BinaryPrimitives.ReadUInt32LittleEndian(data),
            };
            device.Write(port, width, value);
        }
    }

    private IPortDevice? Find(ushort port)
    {
        // A handful of devices: a walk is as fast as any index.
        foreach (IPortDevice device in Volatile.Read(ref _devices))
        {
            if (device.Range.Contains(port)) return device;
        }

        return null;
    }
}
