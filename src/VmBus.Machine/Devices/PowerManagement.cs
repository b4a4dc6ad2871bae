namespace VmBus.Machine.Devices;

/// <summary>The ACPI fixed hardware: PM1 event and control blocks, the power button, the PM timer.</summary>
/// <remarks>
/// ACPI is always on (there is no SMI command port). The system control interrupt is level-triggered: up while an enabled status bit is set.
/// Any thread. Source: ACPI 6.5 §4.8; protocol-spec/machine.md#acpi.
/// </remarks>
public sealed class PowerManagement : IPortDevice, IDisposable
{
    /// <summary>First port of the PM1a event block: status word, enable word.</summary>
    public const ushort EventPort = 0x600;

    /// <summary>Port of the PM1a control word.</summary>
    public const ushort ControlPort = 0x604;

    /// <summary>Port of the 32-bit PM timer.</summary>
    public const ushort TimerPort = 0x608;

    /// <summary>What the guest writes as SLP_TYP to power off; the value in the <c>\_S5</c> package.</summary>
    public const int PowerOffSleepType = 5;

    /// <summary>The PM timer's frequency in Hz.</summary>
    public const int TimerHz = 3_579_545;

    private const ushort StatusTimer = 1 << 0;
    private const ushort StatusPowerButton = 1 << 8;
    private const ushort StatusClock = 1 << 10;
    private const ushort StatusBits = StatusTimer | StatusPowerButton | StatusClock;
    private const ushort EnableGlobal = 1 << 5;
    private const ushort EnableBits = StatusBits | EnableGlobal;
    private const ushort ControlAcpiEnabled = 1 << 0;
    private const ushort ControlStored = ControlAcpiEnabled | (1 << 1) | (7 << 10);
    private const ushort ControlSleepEnable = 1 << 13;
    private const ulong TimerHalfTicks = 1UL << 31;

    private readonly Lock _gate = new();
    private readonly Action _powerOff;
    private readonly TimeProvider _time;
    private readonly ITimer _halfPeriod;
    private IInterruptLine _line;
    private long _start;
    private ulong _halfPeriodsSeen;
    private ushort _status;
    private ushort _enable;
    private ushort _control;
    private bool _raised;

    /// <summary>Hardware in its power-on state.</summary>
    /// <param name="line">The system control interrupt.</param>
    /// <param name="powerOff">Called on a vCPU thread when the guest powers off; returns soon.</param>
    /// <param name="time">The clock behind the PM timer.</param>
    public PowerManagement(IInterruptLine line, Action powerOff, TimeProvider time)
    {
        _line = line;
        _powerOff = powerOff;
        _time = time;
        _halfPeriod = time.CreateTimer(static self => ((PowerManagement)self!).OnHalfPeriod(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Reset(line);
    }

    /// <inheritdoc/>
    public PortRange Range { get; } = new(EventPort, 12);

    /// <summary>Puts the registers into their power-on state, with the line of a new machine down.</summary>
    public void Reset(IInterruptLine line)
    {
        lock (_gate)
        {
            _line = line;
            _start = _time.GetTimestamp();
            _halfPeriodsSeen = 0;
            _status = _enable = 0;
            _control = ControlAcpiEnabled;
            ArmTimer();
            _raised = false;
            _line.SetLevel(false);
        }
    }

    /// <summary>Reports that the real-time clock's alarm went off.</summary>
    public void ReportAlarm()
    {
        lock (_gate)
        {
            _status |= StatusClock;
            UpdateLine();
        }
    }

    /// <summary>Presses the power button once: most guests shut down and power off.</summary>
    /// <returns>Whether the guest has the button's event enabled, so that it will notice.</returns>
    public bool PressPowerButton()
    {
        lock (_gate)
        {
            _status |= StatusPowerButton;
            UpdateLine();
            return (_enable & StatusPowerButton) != 0;
        }
    }

    /// <summary>Stops the timer's interrupt.</summary>
    public void Dispose() => _halfPeriod.Dispose();

    /// <inheritdoc/>
    public uint Read(ushort port, int bytes)
    {
        int offset = port - EventPort;
        lock (_gate)
        {
            NoteTimerToggle();
            ulong events = _status | ((uint)_enable << 16);
            // The timer is sampled once per access, so that its bytes belong together.
            ulong pair = offset switch
            {
                < 4 => events | ((ulong)_control << 32),
                < 8 => _control | ((ulong)TimerTicks() << 32),
                _ => (uint)TimerTicks(),
            };
            return (uint)(pair >> (8 * (offset & 3)));
        }
    }

    /// <inheritdoc/>
    public void Write(ushort port, int bytes, uint value)
    {
        bool powerOff = false;
        lock (_gate)
        {
            NoteTimerToggle();
            for (int i = 0; i < bytes; i++) powerOff |= WriteByte(port - EventPort + i, (byte)(value >> (8 * i)));
            ArmTimer();
            UpdateLine();
        }

        if (powerOff) _powerOff();
    }

    // Returns whether the byte asks for power-off. Status bits are cleared by writing 1; the timer is read-only.
    private bool WriteByte(int offset, byte value)
    {
        int shift = 8 * (offset & 1);
        int mask = 0xFF << shift;
        int bits = value << shift;
        switch (offset >> 1)
        {
            case 0:
                _status &= (ushort)~(bits & StatusBits);
                return false;
            case 1:
                _enable = (ushort)(((_enable & ~mask) | bits) & EnableBits);
                return false;
            case 2:
                _control = (ushort)((((_control & ~mask) | bits) & ControlStored) | ControlAcpiEnabled);
                return (bits & ControlSleepEnable) != 0 && ((_control >> 10) & 7) == PowerOffSleepType;
            default:
                return false;
        }
    }

    private ulong TimerTicks()
    {
        ulong elapsed = (ulong)(_time.GetTimestamp() - _start);
        return (ulong)((UInt128)elapsed * TimerHz / (ulong)_time.TimestampFrequency);
    }

    // The status bit is set each time the timer's highest bit changes, whether or not anyone looked in between.
    private void NoteTimerToggle()
    {
        ulong halfPeriods = TimerTicks() / TimerHalfTicks;
        if (halfPeriods != _halfPeriodsSeen) _status |= StatusTimer;
        _halfPeriodsSeen = halfPeriods;
    }

    // A host timer runs only while the guest has the timer's interrupt enabled.
    private void ArmTimer()
    {
        TimeSpan due = Timeout.InfiniteTimeSpan;
        if ((_enable & StatusTimer) != 0)
        {
            ulong ticks = TimerHalfTicks - (TimerTicks() % TimerHalfTicks);
            due = TimeSpan.FromMilliseconds((double)(ticks * 1000 / TimerHz) + 1);
        }

        _halfPeriod.Change(due, Timeout.InfiniteTimeSpan);
    }

    private void OnHalfPeriod()
    {
        lock (_gate)
        {
            NoteTimerToggle();
            ArmTimer();
            UpdateLine();
        }
    }

    private void UpdateLine()
    {
        bool raise = (_status & _enable & StatusBits) != 0;
        if (raise != _raised) _line.SetLevel(raise);
        _raised = raise;
    }
}
