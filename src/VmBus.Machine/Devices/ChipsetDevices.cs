using VmBus.Machine.Pci;

namespace VmBus.Machine.Devices;

/// <summary>The devices at fixed I/O ports that every partition has: COM1, real-time clock, ACPI fixed hardware, reset and delay ports.</summary>
/// <remarks>
/// The ACPI tables describe exactly these. A reset makes a new machine but keeps the devices: <see cref="Reset"/> connects them to it, while no vCPU
/// runs. Everything else may be called from any thread.
/// Source: protocol-spec/machine.md#ports.
/// </remarks>
public sealed class ChipsetDevices : IDisposable
{
    /// <summary>COM1's first port.</summary>
    public const ushort Com1Port = 0x3F8;

    private readonly SystemControlPorts _systemControl;

    /// <summary>Devices in their power-on state.</summary>
    /// <param name="lines">Their interrupts.</param>
    /// <param name="console">Takes what the guest writes to COM1.</param>
    /// <param name="powerOff">The guest powered off. Called on a vCPU thread; returns soon.</param>
    /// <param name="reset">The guest asked for a reset. Called on a vCPU thread; returns soon.</param>
    /// <param name="time">The host's clock; null for the system's.</param>
    public ChipsetDevices(ChipsetLines lines, ISerialSink console, Action powerOff, Action<ResetSource> reset, TimeProvider? time = null)
    {
        time ??= TimeProvider.System;
        Com1 = new SerialPort(Com1Port, lines.Com1, console);
        Power = new PowerManagement(lines.SystemControl, powerOff, time);
        RealTimeClock = new RealTimeClock(lines.RealTimeClock, Power.ReportAlarm, time);
        _systemControl = new SystemControlPorts(() => reset(ResetSource.KeyboardController));
        PciHostBridge = new PciHostBridge(() => reset(ResetSource.ResetControlRegister));
        PortDevices =
        [
            Com1, RealTimeClock, Power, _systemControl, PciHostBridge, new IgnoredPorts(IgnoredPorts.PostCode), new IgnoredPorts(IgnoredPorts.AlternativeDelay),
        ];
    }

    /// <summary>All of them, for the machine's port dispatch. No two overlap.</summary>
    public IReadOnlyList<IPortDevice> PortDevices { get; }

    /// <summary>The first serial port.</summary>
    public SerialPort Com1 { get; }

    /// <summary>The CMOS clock.</summary>
    public RealTimeClock RealTimeClock { get; }

    /// <summary>The ACPI fixed hardware with the power button.</summary>
    public PowerManagement Power { get; }

    /// <summary>PCI configuration by ports, and the reset control register.</summary>
    public PciHostBridge PciHostBridge { get; }

    /// <summary>Puts every device into its power-on state, connected to a new machine. The clock's time and the console's queues stay.</summary>
    public void Reset(ChipsetLines lines)
    {
        Com1.Reset(lines.Com1);
        RealTimeClock.Reset(lines.RealTimeClock);
        Power.Reset(lines.SystemControl);
        _systemControl.Reset();
        PciHostBridge.Reset();
    }

    /// <summary>Lets the console take what is queued, for at most two seconds, and stops the devices' threads and timers.</summary>
    public void Dispose()
    {
        Com1.Dispose();
        RealTimeClock.Dispose();
        Power.Dispose();
    }
}
