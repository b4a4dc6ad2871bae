namespace VmBus.Machine.Devices;

/// <summary>The MC146818 real-time clock with its CMOS memory at ports 0x70 and 0x71, in UTC.</summary>
/// <remarks>
/// The clock follows the host's; what the guest sets is kept as an offset over resets. Alarm and update-ended interrupts work; the periodic
/// interrupt is not there and its enable bit stays 0. Any thread. Source: Motorola MC146818A data sheet; protocol-spec/machine.md#ports.
/// </remarks>
public sealed class RealTimeClock : BytePortDevice, IDisposable
{
    /// <summary>CMOS register that holds the century; the ACPI tables name it.</summary>
    public const int CenturyRegister = 0x32;

    private const int StatusA = 0x0A;
    private const int StatusB = 0x0B;
    private const int StatusC = 0x0C;
    private const int StatusD = 0x0D;
    private const byte StatusBHold = 0x80;
    private const byte StatusBAlarm = 0x20;
    private const byte StatusBUpdate = 0x10;
    private const byte StatusBBinary = 0x04;
    private const byte StatusB24Hours = 0x02;
    private const byte StatusBStored = StatusBHold | StatusBAlarm | StatusBUpdate | StatusBBinary | StatusB24Hours;
    private const byte StatusCAny = 0x80;
    private const byte StatusDValid = 0x80;

    // Time registers stand still this long after status A was read: the chip promises 244 µs, a guest's exits take longer.
    private static readonly TimeSpan ReadWindow = TimeSpan.FromMilliseconds(2);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly Action _alarm;
    private readonly ITimer _secondTimer;
    private readonly byte[] _memory = new byte[128];
    private IInterruptLine _line;
    private TimeSpan _offset;
    private RtcTime _held;
    private DateTime _frozen;
    private long _frozenAt;
    private bool _isFrozen;
    private int _index;
    private byte _statusB;
    private byte _statusC;

    /// <summary>A clock that shows <paramref name="time"/>'s UTC.</summary>
    /// <param name="line">Its interrupt, edge-triggered.</param>
    /// <param name="alarm">Called when the alarm interrupts, for ACPI's status bit.</param>
    /// <param name="time">The host's clock.</param>
    public RealTimeClock(IInterruptLine line, Action alarm, TimeProvider time)
    {
        _alarm = alarm;
        _line = line;
        _time = time;
        _secondTimer = time.CreateTimer(static self => ((RealTimeClock)self!).OnSecond(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Reset(line);
    }

    /// <inheritdoc/>
    public override PortRange Range { get; } = new(0x70, 2);

    /// <summary>Disables interrupts, as a reset does, on the line of a new machine. Time and memory stay: they are on the battery.</summary>
    public void Reset(IInterruptLine line)
    {
        lock (_gate)
        {
            _line = line;
            _statusB = StatusB24Hours;
            _statusC = 0;
            _memory[StatusA] = 0x26;
            _isFrozen = false;
            ArmTimer();
        }
    }

    /// <summary>Stops the clock's interrupts.</summary>
    public void Dispose() => _secondTimer.Dispose();

    /// <inheritdoc/>
    protected override byte ReadByte(int offset)
    {
        if (offset == 0) return 0xFF;
        lock (_gate)
        {
            switch (_index)
            {
                case StatusA:
                    Freeze();
                    return _memory[StatusA];
                case StatusB:
                    return _statusB;
                case StatusC:
                    byte status = _statusC;
                    _statusC = 0;
                    return status;
                case StatusD:
                    return StatusDValid;
                default:
                    return RtcTime.IsTimeRegister(_index) ? Encode(CurrentFields()[_index], _index) : _memory[_index];
            }
        }
    }

    /// <inheritdoc/>
    protected override void WriteByte(int offset, byte value)
    {
        lock (_gate)
        {
            if (offset == 0)
            {
                // Bit 7 masks NMIs, which this machine does not raise.
                _index = value & 0x7F;
                return;
            }

            switch (_index)
            {
                case StatusA:
                    _memory[StatusA] = (byte)(value & 0x7F);
                    break;
                case StatusB:
                    WriteStatusB((byte)(value & StatusBStored));
                    break;
                case StatusC or StatusD:
                    break;
                default:
                    WriteRegister(value);
                    break;
            }
        }
    }

    private bool IsHeld => (_statusB & StatusBHold) != 0;

    private void WriteStatusB(byte value)
    {
        bool wasHeld = IsHeld;
        if (!wasHeld && (value & StatusBHold) != 0) _held = RtcTime.From(Now());
        _statusB = value;
        if (wasHeld && !IsHeld) Apply(_held);
        ArmTimer();
    }

    private void WriteRegister(byte value)
    {
        if (!RtcTime.IsTimeRegister(_index))
        {
            _memory[_index] = value;
            return;
        }

        RtcTime fields = CurrentFields();
        fields[_index] = Decode(value, _index);
        if (IsHeld) _held = fields;
        else Apply(fields);
    }

    private RtcTime CurrentFields()
    {
        if (IsHeld) return _held;
        bool frozen = _isFrozen && _time.GetElapsedTime(_frozenAt) < ReadWindow;
        return RtcTime.From(frozen ? _frozen : Now());
    }

    private void Apply(RtcTime fields)
    {
        _isFrozen = false;
        // A date that does not exist leaves the clock as it was.
        if (fields.TryGetDateTime(out DateTime set)) _offset = set - _time.GetUtcNow().UtcDateTime;
    }

    private void Freeze()
    {
        _frozen = Now();
        _frozenAt = _time.GetTimestamp();
        _isFrozen = true;
    }

    private DateTime Now() => _time.GetUtcNow().UtcDateTime + _offset;

    // A host timer runs only while the guest waits for a second to begin.
    private void ArmTimer()
    {
        bool wanted = (_statusB & (StatusBAlarm | StatusBUpdate)) != 0 && !IsHeld;
        TimeSpan untilSecond = TimeSpan.FromTicks(TimeSpan.TicksPerSecond - (Now().Ticks % TimeSpan.TicksPerSecond));
        _secondTimer.Change(wanted ? untilSecond + TimeSpan.FromMilliseconds(1) : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private void OnSecond()
    {
        bool alarm;
        lock (_gate)
        {
            if (IsHeld) return;
            int events = StatusBUpdate;
            if (AlarmMatches(RtcTime.From(Now()))) events |= StatusBAlarm;
            bool wasRaised = (_statusC & StatusCAny) != 0;
            _statusC |= (byte)events;
            if ((events & _statusB) != 0)
            {
                _statusC |= StatusCAny;
                if (!wasRaised) _line.Pulse();
            }

            alarm = (events & _statusB & StatusBAlarm) != 0;
            ArmTimer();
        }

        if (alarm) _alarm();
    }

    private bool AlarmMatches(RtcTime now)
    {
        // Each time register is followed by its alarm; two high bits set mean "any".
        for (int register = RtcTime.Seconds; register <= RtcTime.Hours; register += 2)
        {
            byte alarm = _memory[register + 1];
            if (alarm < 0xC0 && Decode(alarm, register) != now[register]) return false;
        }

        return true;
    }

    private byte Encode(int value, int register)
    {
        if (register == CenturyRegister) return ToBcd(value);
        int afternoon = 0;
        if (register == RtcTime.Hours && (_statusB & StatusB24Hours) == 0)
        {
            afternoon = value >= 12 ? 0x80 : 0;
            value = value % 12 == 0 ? 12 : value % 12;
        }

        return (byte)(((_statusB & StatusBBinary) != 0 ? value : ToBcd(value)) | afternoon);
    }

    private int Decode(byte value, int register)
    {
        if (register == CenturyRegister) return FromBcd(value);
        bool halfDays = register == RtcTime.Hours && (_statusB & StatusB24Hours) == 0;
        int bits = halfDays ? value & 0x7F : value;
        int number = (_statusB & StatusBBinary) != 0 ? bits : FromBcd((byte)bits);
        return halfDays ? (number % 12) + ((value & 0x80) != 0 ? 12 : 0) : number;
    }

    private static byte ToBcd(int value) => (byte)((value / 10 << 4) | (value % 10));

    private static int FromBcd(byte value) => ((value >> 4) * 10) + (value & 0x0F);
}
