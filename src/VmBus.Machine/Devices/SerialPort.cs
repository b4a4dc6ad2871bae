namespace VmBus.Machine.Devices;

/// <summary>A 16550A UART at COM1's ports, with 16-byte FIFOs towards the guest and bounded queues towards the host.</summary>
/// <remarks>
/// Time does not pass on the line: a byte is sent when it is written. When the sink is slow the transmitter stays busy and raises its interrupt
/// when there is room again. Received bytes wait in the host's queue until the guest raises RTS and reads, so none is overrun.
/// Any thread. Source: National Semiconductor PC16550D data sheet; protocol-spec/machine.md#serial.
/// </remarks>
public sealed class SerialPort : BytePortDevice, IDisposable
{
    private const int FifoBytes = 16;

    private const byte IerReceive = 0x01;
    private const byte IerTransmit = 0x02;
    private const byte IerLineStatus = 0x04;
    private const byte IerModemStatus = 0x08;
    private const byte IerMask = 0x0F;
    private const byte IirNone = 0x01;
    private const byte IirModemStatus = 0x00;
    private const byte IirTransmit = 0x02;
    private const byte IirReceive = 0x04;
    private const byte IirLineStatus = 0x06;
    private const byte IirReceiveTimeout = 0x0C;
    private const byte IirFifosEnabled = 0xC0;
    private const byte FcrEnable = 0x01;
    private const byte FcrClearReceive = 0x02;
    private const byte LcrDivisorLatch = 0x80;
    private const byte McrDtr = 0x01;
    private const byte McrRts = 0x02;
    private const byte McrOut1 = 0x04;
    private const byte McrOut2 = 0x08;
    private const byte McrLoop = 0x10;
    private const byte McrMask = 0x1F;
    private const byte LsrDataReady = 0x01;
    private const byte LsrOverrun = 0x02;
    private const byte LsrTransmitEmpty = 0x60;
    private const byte MsrCts = 0x10;
    private const byte MsrDsr = 0x20;
    private const byte MsrRing = 0x40;
    private const byte MsrCarrier = 0x80;

    // The host's end is always connected and ready.
    private const byte IdleLines = MsrCarrier | MsrDsr | MsrCts;

    // 9600 baud, as firmware leaves it. No timing depends on it.
    private const ushort PowerOnDivisor = 12;

    private readonly Lock _gate = new();
    private IInterruptLine _line;
    private readonly SerialOutput _output;
    private readonly SerialInput _input = new();
    private readonly Queue<byte> _receiveFifo = new(FifoBytes);
    private byte _ier;
    private byte _fcr;
    private byte _lcr;
    private byte _mcr;
    private byte _msr;
    private byte _scratch;
    private ushort _divisor = PowerOnDivisor;
    private bool _overrun;
    private bool _transmitPending;
    private bool _raised;

    /// <summary>A port with power-on registers.</summary>
    /// <param name="firstPort">The first of its 8 ports.</param>
    /// <param name="line">Its interrupt, edge-triggered.</param>
    /// <param name="sink">Takes what the guest sends.</param>
    public SerialPort(ushort firstPort, IInterruptLine line, ISerialSink sink)
    {
        Range = new PortRange(firstPort, 8);
        _line = line;
        _msr = IdleLines;
        _output = new SerialOutput("serial", sink, TransmitterHasRoom);
    }

    /// <inheritdoc/>
    public override PortRange Range { get; }

    /// <summary>Bytes the guest sent that no sink could take: to a transmitter it was told is busy, or after the sink was gone.</summary>
    public long DroppedBytes => _output.DroppedBytes;

    /// <summary>Puts the registers into their power-on state, on the interrupt line of a new machine. Bytes in the host's queues stay.</summary>
    public void Reset(IInterruptLine line)
    {
        lock (_gate)
        {
            _line = line;
            _ier = _fcr = _lcr = _mcr = _scratch = 0;
            _msr = IdleLines;
            _divisor = PowerOnDivisor;
            _overrun = _transmitPending = _raised = false;
            _receiveFifo.Clear();
        }
    }

    /// <summary>Hands bytes to the guest.</summary>
    /// <returns>How many were taken, from the front; 0 when the queue is full. Offer the rest after <see cref="WaitForReceiveRoom"/>.</returns>
    public int Receive(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            int taken = _input.Add(bytes);
            FillReceiveFifo();
            UpdateLine();
            return taken;
        }
    }

    /// <summary>Blocks until the guest has read enough after a <see cref="Receive"/> that did not take everything. For one caller at a time.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled first.</exception>
    public void WaitForReceiveRoom(CancellationToken cancellation) => _input.WaitForRoom(cancellation);

    /// <summary>Gives the sink up to two seconds to take what the guest sent, then stops sending.</summary>
    public void Dispose() => _output.Dispose();

    /// <inheritdoc/>
    protected override byte ReadByte(int offset)
    {
        lock (_gate)
        {
            byte value = offset switch
            {
                0 when HasDivisorLatch => (byte)_divisor,
                1 when HasDivisorLatch => (byte)(_divisor >> 8),
                0 => ReadReceiver(),
                1 => _ier,
                2 => ReadInterruptId(),
                3 => _lcr,
                4 => _mcr,
                5 => ReadLineStatus(),
                6 => ReadModemStatus(),
                _ => _scratch,
            };
            UpdateLine();
            return value;
        }
    }

    /// <inheritdoc/>
    protected override void WriteByte(int offset, byte value)
    {
        lock (_gate)
        {
            switch (offset)
            {
                case 0 when HasDivisorLatch: _divisor = (ushort)((_divisor & 0xFF00) | value); break;
                case 1 when HasDivisorLatch: _divisor = (ushort)((_divisor & 0x00FF) | (value << 8)); break;
                case 0: Transmit(value); break;
                case 1: WriteInterruptEnable(value); break;
                case 2: WriteFifoControl(value); break;
                case 3: _lcr = value; break;
                case 4: WriteModemControl(value); break;
                case 7: _scratch = value; break;
                default: break; // The line and modem status registers are read-only.
            }

            UpdateLine();
        }
    }

    private bool HasDivisorLatch => (_lcr & LcrDivisorLatch) != 0;

    private bool IsLooped => (_mcr & McrLoop) != 0;

    private bool HasFifos => (_fcr & FcrEnable) != 0;

    private int ReceiveDepth => HasFifos ? FifoBytes : 1;

    private int ReceiveTrigger => !HasFifos ? 1 : (_fcr >> 6) switch { 0 => 1, 1 => 4, 2 => 8, _ => 14 };

    private byte ReadReceiver()
    {
        byte value = _receiveFifo.Count == 0 ? (byte)0 : _receiveFifo.Dequeue();
        FillReceiveFifo();
        return value;
    }

    private byte ReadInterruptId()
    {
        byte id = PendingInterrupt();
        if (id == IirTransmit) _transmitPending = false;
        return (byte)(id | (HasFifos ? IirFifosEnabled : 0));
    }

    private byte ReadLineStatus()
    {
        int status = _receiveFifo.Count == 0 ? 0 : LsrDataReady;
        if (_overrun) status |= LsrOverrun;
        if (IsLooped || !_output.IsBusy) status |= LsrTransmitEmpty;
        _overrun = false;
        return (byte)status;
    }

    private byte ReadModemStatus()
    {
        byte status = _msr;
        _msr &= 0xF0;
        return status;
    }

    private void Transmit(byte value)
    {
        if (IsLooped)
        {
            if (_receiveFifo.Count < ReceiveDepth) _receiveFifo.Enqueue(value);
            else _overrun = true;
            _transmitPending = true;
            return;
        }

        _output.Send(value);
        _transmitPending = !_output.IsBusy;
    }

    private void WriteInterruptEnable(byte value)
    {
        byte old = _ier;
        _ier = (byte)(value & IerMask);
        // Enabling the transmitter's interrupt raises it at once when the transmitter is empty: drivers start sending that way.
        if ((_ier & ~old & IerTransmit) != 0) _transmitPending = IsLooped || !_output.IsBusy;
    }

    private void WriteFifoControl(byte value)
    {
        if (((value ^ _fcr) & FcrEnable) != 0 || (value & FcrClearReceive) != 0) _receiveFifo.Clear();
        _fcr = (value & FcrEnable) == 0 ? (byte)0 : (byte)(value & 0xC9);
        FillReceiveFifo();
    }

    private void WriteModemControl(byte value)
    {
        _mcr = (byte)(value & McrMask);
        int lines = IdleLines;
        if (IsLooped)
        {
            lines = ((_mcr & McrRts) != 0 ? MsrCts : 0) | ((_mcr & McrDtr) != 0 ? MsrDsr : 0)
                | ((_mcr & McrOut1) != 0 ? MsrRing : 0) | ((_mcr & McrOut2) != 0 ? MsrCarrier : 0);
        }

        int changed = (lines ^ _msr) & 0xF0;
        int deltas = (_msr & 0x0F) | ((changed & (MsrCts | MsrDsr | MsrCarrier)) >> 4);
        // The ring indicator's bit reports its trailing edge only.
        if ((changed & MsrRing & _msr) != 0) deltas |= MsrRing >> 4;
        _msr = (byte)(lines | deltas);
        FillReceiveFifo();
    }

    private void FillReceiveFifo()
    {
        if (IsLooped || (_mcr & McrRts) == 0) return;
        while (_receiveFifo.Count < ReceiveDepth && _input.TryTake(out byte value)) _receiveFifo.Enqueue(value);
    }

    private byte PendingInterrupt()
    {
        if ((_ier & IerLineStatus) != 0 && _overrun) return IirLineStatus;
        // Below the trigger level the receiver interrupts after a pause of four characters; on this line that pause is always over.
        if ((_ier & IerReceive) != 0 && _receiveFifo.Count > 0)
            return _receiveFifo.Count >= ReceiveTrigger ? IirReceive : IirReceiveTimeout;
        if ((_ier & IerTransmit) != 0 && _transmitPending) return IirTransmit;
        if ((_ier & IerModemStatus) != 0 && (_msr & 0x0F) != 0) return IirModemStatus;
        return IirNone;
    }

    private void UpdateLine()
    {
        bool pending = PendingInterrupt() != IirNone;
        if (pending && !_raised) _line.Pulse();
        _raised = pending;
    }

    private void TransmitterHasRoom()
    {
        lock (_gate)
        {
            _transmitPending = true;
            UpdateLine();
        }
    }
}
