using VmBus.Native.Linux;

namespace VmBus.GuestTools.Time;

/// <summary>This guest's clock. Calls return 0 or negative errno.</summary>
internal interface ISettableClock
{
    /// <summary>Moves it at once.</summary>
    int Step(long nanoseconds);

    /// <summary>Works an offset off gradually.</summary>
    int Slew(long nanoseconds);
}

/// <summary>The kernel's clock.</summary>
internal sealed class KernelClock : ISettableClock
{
    /// <inheritdoc/>
    public int Step(long nanoseconds) => SystemClock.Step(nanoseconds);

    /// <inheritdoc/>
    public int Slew(long nanoseconds) => SystemClock.Slew(nanoseconds);
}
