using VmBus.GuestTools.Daemon;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.Time;

/// <summary>Keeps this guest's clock with the host's, unless another program keeps it.</summary>
/// <param name="correction">Corrects it.</param>
/// <param name="log">Where messages go.</param>
internal sealed class TimeService(ClockCorrection correction, DaemonLog log) : IGuestService
{
    // SystemClock.SlewConstant suits it. The host tells its time every 5 seconds.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(16);

    private string _said = "";

    /// <inheritdoc/>
    public string Name => "time";

    /// <inheritdoc/>
    public bool Run(EventFd stop)
    {
        do
        {
            if (TimeKeeper.FindOther() is { } other) SayOnce($"time: {other.Name} (process {other.Id}) keeps the clock; it is left to that program");
            else if (HyperVClock.Find() is not { } device) SayOnce("time: the host offers no clock (none in /sys/class/ptp has the name hyperv); waiting for one");
            else Correct(device);
        }
        while (!stop.Wait(Pause));
        // For the other services.
        stop.Signal();
        return true;
    }

    private void Correct(string device)
    {
        int result = HyperVClock.ReadOffset(device, out long nanoseconds);
        if (result == 0)
        {
            SayOnce($"time: keeping the clock by {device}");
            correction.Apply(nanoseconds);
        }
        else if (result == -Errno.ESTALE)
        {
            SayOnce($"time: the host's last time on {device} is older than ten minutes; waiting for the next");
        }
        else
        {
            SayOnce($"time: {device} cannot be read: {LinuxException.DescribeError(-result)}");
        }
    }

    private void SayOnce(string message)
    {
        if (message != _said) log.Say(message);
        _said = message;
    }
}
