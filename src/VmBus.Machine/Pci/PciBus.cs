using VmBus.Machine.Devices;

namespace VmBus.Machine.Pci;

/// <summary>The devices of a machine's only PCI bus, beside its host bridge, behind memory addresses: their configuration space and their registers.</summary>
/// <remarks>Where no device is, reads give all ones and writes are ignored. Any vCPU thread.</remarks>
public sealed class PciBus
{
    private const int DeviceShift = 15;
    private const int FunctionMask = 7 << 12;
    private const int RegisterMask = 0xFFF;

    private readonly PciHostBridge _bridge;
    private readonly PciFunction[] _functions;

    /// <summary>A bus in its power-on state.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="bridge">Leads to the bus by ports.</param>
    /// <param name="devices">The devices, from number 1 on; at most <see cref="PciLayout.MaximumDevices"/>.</param>
    public static PciBus Connect(KvmMachine machine, PciHostBridge bridge, IReadOnlyList<IPciDevice> devices)
    {
        var bus = new PciBus(machine.PciHost, bridge, devices);
        machine.AddMemoryDevice(new Configuration(bus));
        machine.AddMemoryDevice(new Window(bus));
        bridge.Connect(bus);
        return bus;
    }

    internal PciBus(IPciHost host, PciHostBridge bridge, IReadOnlyList<IPciDevice> devices)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(devices.Count, PciLayout.MaximumDevices, nameof(devices));
        _bridge = bridge;
        _functions = [.. devices.Select((device, index) => new PciFunction(device, host, PciLayout.RegistersOf(index)))];
    }

    /// <summary>Reads configuration space of a device, of 1, 2 or 4 bytes.</summary>
    internal void ReadConfiguration(int device, int function, int register, Span<byte> data)
    {
        if (function == 0 && device == 0) _bridge.ReadConfiguration(register, data);
        else if (function == 0 && device <= _functions.Length) _functions[device - 1].ReadConfiguration(register, data);
        else data.Fill(0xFF);
    }

    /// <summary>Writes configuration space of a device.</summary>
    internal void WriteConfiguration(int device, int function, int register, ReadOnlySpan<byte> data)
    {
        if (function == 0 && device > 0 && device <= _functions.Length) _functions[device - 1].WriteConfiguration(register, data);
    }

    internal void ReadRegisters(ulong address, Span<byte> data)
    {
        foreach (PciFunction function in _functions)
        {
            if (function.TryRead(address, data)) return;
        }

        data.Fill(0xFF);
    }

    internal void WriteRegisters(ulong address, ReadOnlySpan<byte> data)
    {
        foreach (PciFunction function in _functions)
        {
            if (function.TryWrite(address, data)) return;
        }
    }

    private sealed class Configuration(PciBus bus) : IMemoryDevice
    {
        public ulong Start => PciLayout.ConfigurationStart;

        public ulong Bytes => PciLayout.ConfigurationBytes;

        public void Read(ulong offset, Span<byte> data)
        {
            int at = (int)offset;
            bus.ReadConfiguration(at >> DeviceShift, (at & FunctionMask) >> 12, at & RegisterMask, data);
        }

        public void Write(ulong offset, ReadOnlySpan<byte> data)
        {
            int at = (int)offset;
            bus.WriteConfiguration(at >> DeviceShift, (at & FunctionMask) >> 12, at & RegisterMask, data);
        }
    }

    private sealed class Window(PciBus bus) : IMemoryDevice
    {
        public ulong Start => PciLayout.WindowStart;

        public ulong Bytes => PciLayout.WindowBytes;

        public void Read(ulong offset, Span<byte> data) => bus.ReadRegisters(Start + offset, data);

        public void Write(ulong offset, ReadOnlySpan<byte> data) => bus.WriteRegisters(Start + offset, data);
    }
}
