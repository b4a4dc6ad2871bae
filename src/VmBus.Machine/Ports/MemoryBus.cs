using VmBus.Machine.Devices;

namespace VmBus.Machine.Ports;

/// <summary>Finds the device behind a guest physical address. Addresses without one read all-ones and ignore writes.</summary>
/// <remarks>Accesses come from any vCPU thread; devices may be added at any time.</remarks>
internal sealed class MemoryBus
{
    private readonly Lock _gate = new();
    private IMemoryDevice[] _devices = [];

    /// <summary>Adds a device.</summary>
    /// <exception cref="ArgumentException">An address of its range is taken.</exception>
    internal void Add(IMemoryDevice device)
    {
        lock (_gate)
        {
            foreach (IMemoryDevice other in _devices)
            {
                if (device.Start < other.Start + other.Bytes && other.Start < device.Start + device.Bytes)
                    throw new ArgumentException($"Addresses from 0x{device.Start:x} overlap those of a device at 0x{other.Start:x}.", nameof(device));
            }

            Volatile.Write(ref _devices, [.. _devices, device]);
        }
    }

    internal void Read(ulong address, Span<byte> data)
    {
        if (Find(address) is { } device) device.Read(address - device.Start, data);
        else data.Fill(0xFF);
    }

    internal void Write(ulong address, ReadOnlySpan<byte> data)
    {
        if (Find(address) is { } device) device.Write(address - device.Start, data);
    }

    private IMemoryDevice? Find(ulong address)
    {
        foreach (IMemoryDevice device in Volatile.Read(ref _devices))
        {
            if (address - device.Start < device.Bytes) return device;
        }

        return null;
    }
}
