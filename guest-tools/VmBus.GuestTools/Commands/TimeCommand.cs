using System.CommandLine;
using VmBus.GuestTools.Time;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest time</c>: how this guest's clock stands with the host's, and who keeps it.</summary>
internal static class TimeCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command("time", "Shows the host's clock, how far this guest's is from it, which program keeps it, and the line for chrony.");
        command.SetAction(static _ => Run());
        return command;
    }

    private static int Run()
    {
        string device = HyperVClock.Find()
            ?? throw new ToolException("There is no clock of the host: none in /sys/class/ptp has the name hyperv; load hv_utils with 'modprobe hv_utils', and have the host offer Time Synchronization.");
        string shown = File.Exists(HyperVClock.Link) ? HyperVClock.Link : device;
        int result = HyperVClock.ReadOffset(device, out long nanoseconds);
        string offset = result switch
        {
            0 => $"{ClockCorrection.Show(nanoseconds)} (how far the host's clock is ahead)",
            -Errno.ESTALE => "unknown: the host's last time is older than ten minutes",
            _ => throw new ToolException($"{device} cannot be read: {LinuxException.DescribeError(-result)}; run this as root."),
        };
        Console.Out.WriteLine($"clock    {device} (hyperv)");
        Console.Out.WriteLine($"offset   {offset}");
        Console.Out.WriteLine($"kept by  {Keeper()}");
        Console.Out.WriteLine($"chrony   refclock PHC {shown} poll 3 dpoll -2 offset 0 stratum 2");
        return ExitStatus.Success;
    }

    private static string Keeper()
    {
        if (TimeKeeper.FindOther() is { } other) return $"{other.Name} (process {other.Id}), which vmbus-guest leaves it to";
        return TimeKeeper.FindOwn() is { } own
            ? $"{own.Name} (process {own.Id})"
            : "no program: start vmbus-guest-time.service, or give chrony the line below";
    }
}
