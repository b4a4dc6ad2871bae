using System.Globalization;
using VmBus.GuestTools.Daemon;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.Time;

/// <summary>Corrects this guest's clock by what it is off: at once when it is far, gradually when it is near.</summary>
/// <param name="clock">The clock.</param>
/// <param name="stepBeyond">What is far; at most the half second that the kernel works off.</param>
/// <param name="log">Where messages go.</param>
internal sealed class ClockCorrection(ISettableClock clock, TimeSpan stepBeyond, DaemonLog log)
{
    private bool _failed;

    /// <summary>Corrects the clock.</summary>
    /// <param name="nanoseconds">How far the host's is ahead.</param>
    public void Apply(long nanoseconds)
    {
        bool isFar = Math.Abs((double)nanoseconds) > stepBeyond.TotalNanoseconds;
        int result = isFar ? clock.Step(nanoseconds) : clock.Slew(nanoseconds);
        // What is left to work off of an offset before the step would lead away from it.
        if (isFar && result == 0) result = clock.Slew(0);
        if (result < 0 && !_failed) log.Fail($"time: the clock cannot be set: {LinuxException.DescribeError(-result)}; it needs CAP_SYS_TIME");
        else if (result == 0 && isFar) log.Say($"time: stepped the clock by {Show(nanoseconds)}");
        _failed = result < 0;
    }

    /// <summary>An offset in seconds, with its sign.</summary>
    public static string Show(long nanoseconds) => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e9:+0.000000;-0.000000;0.000000} s");
}
