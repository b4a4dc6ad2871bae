using VmBus.Host.Consoles;
using VmBus.Machine;
using VmBus.Machine.Devices;
using VmBus.Machine.Pci;

namespace VmBus.Host.Joins;

/// <summary>The chipset's devices, which stay over guest resets while machines come and go: the clock keeps its time, the console its queues.</summary>
internal sealed class Chipset(IConsole console) : IDisposable
{
    private static readonly ChipsetLines NoLines = new(new UnconnectedLine(), new UnconnectedLine(), new UnconnectedLine());

    private readonly CancellationTokenSource _goingAway = new();
    private readonly Lock _typing = new();
    private ChipsetDevices? _devices;
    private KvmMachine? _machine;
    private bool _disposed;

    /// <summary>The ports that lead to a PCI bus.</summary>
    /// <exception cref="InvalidOperationException">There was no machine yet.</exception>
    public PciHostBridge PciHostBridge => _devices?.PciHostBridge ?? throw new InvalidOperationException("The devices come with the first machine.");

    /// <summary>Puts the devices into their power-on state and into a machine that has not started.</summary>
    public void Connect(KvmMachine machine)
    {
        Volatile.Write(ref _machine, machine);
        var lines = new ChipsetLines(
            machine.GetInterruptLine(ChipsetLines.Com1Gsi),
            machine.GetInterruptLine(ChipsetLines.RealTimeClockGsi),
            machine.GetInterruptLine(ChipsetLines.SystemControlGsi));
        if (_devices is null)
            _devices = new ChipsetDevices(lines, console, () => Stop(MachineExit.PowerOff), source => Stop(MachineExit.Reset(source)));
        else _devices.Reset(lines);
        foreach (IPortDevice device in _devices.PortDevices) machine.AddPortDevice(device);
    }

    /// <summary>Takes the devices out of a machine that has stopped, so that none of their timers reaches it any more.</summary>
    public void Disconnect()
    {
        _devices?.Reset(NoLines);
        Volatile.Write(ref _machine, null);
    }

    /// <summary>Presses the power button; a guest that has not enabled it notices nothing.</summary>
    public void PressPowerButton() => _devices?.Power.PressPowerButton();

    /// <summary>Gives typed bytes to the serial port, as fast as the guest reads them; returns early when the partition ends.</summary>
    public void Type(ReadOnlySpan<byte> bytes)
    {
        lock (_typing)
        {
            while (!_disposed && _devices is not null)
            {
                bytes = bytes[_devices.Com1.Receive(bytes)..];
                if (bytes.Length == 0) return;
                try
                {
                    _devices.Com1.WaitForReceiveRoom(_goingAway.Token);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _goingAway.Cancel();
        // Whoever is typing has seen the cancellation once the lock is free, and nobody begins afterwards.
        lock (_typing) _disposed = true;
        _devices?.Dispose();
        _goingAway.Dispose();
    }

    private void Stop(MachineExit exit) => Volatile.Read(ref _machine)?.Stop(exit);

    private sealed class UnconnectedLine : IInterruptLine
    {
        public void SetLevel(bool raised)
        {
        }

        public void Pulse()
        {
        }
    }
}
