namespace VmBus.Machine.Devices;

/// <summary>The interrupt inputs that the chipset's devices need, by what they are for.</summary>
/// <param name="Com1">Global system interrupt 4, edge.</param>
/// <param name="RealTimeClock">Global system interrupt 8, edge.</param>
/// <param name="SystemControl">Global system interrupt 9, level, active high: ACPI's.</param>
public sealed record ChipsetLines(IInterruptLine Com1, IInterruptLine RealTimeClock, IInterruptLine SystemControl)
{
    /// <summary>COM1's interrupt.</summary>
    public const int Com1Gsi = 4;

    /// <summary>The real-time clock's interrupt.</summary>
    public const int RealTimeClockGsi = 8;

    /// <summary>ACPI's system control interrupt.</summary>
    public const int SystemControlGsi = 9;
}
