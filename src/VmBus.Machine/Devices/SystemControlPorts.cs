namespace VmBus.Machine.Devices;

/// <summary>Ports 0x60 to 0x64: no keyboard controller, but its reset command; the NMI status and speaker port.</summary>
/// <remarks>
/// Port 0x64 reads as an idle controller, so that a guest that resets by pulsing its output line does not wait for it. Port 0x61 reports no NMI
/// cause; KVM's own timer answers it first where that is set up so. Any thread. Source: protocol-spec/machine.md#ports.
/// </remarks>
public sealed class SystemControlPorts : BytePortDevice
{
    private const byte PulseReset = 0xFE;
    private const byte RefreshToggle = 0x10;

    private readonly Action _reset;
    private int _control;
    private int _refresh;

    /// <summary>The ports of a machine that <paramref name="reset"/> resets.</summary>
    public SystemControlPorts(Action reset) => _reset = reset;

    /// <inheritdoc/>
    public override PortRange Range { get; } = new(0x60, 5);

    /// <summary>Puts the latch into its power-on state.</summary>
    public void Reset() => Volatile.Write(ref _control, 0);

    /// <inheritdoc/>
    protected override byte ReadByte(int offset) => offset switch
    {
        0 or 4 => 0,
        1 => (byte)(Volatile.Read(ref _control) | ((Interlocked.Increment(ref _refresh) & 1) != 0 ? RefreshToggle : 0)),
        _ => 0xFF,
    };

    /// <inheritdoc/>
    protected override void WriteByte(int offset, byte value)
    {
        if (offset == 1) Volatile.Write(ref _control, value & 0x0F);
        else if (offset == 4 && value == PulseReset) _reset();
    }
}
