using VmBus.Native.Linux;

namespace VmBus.GuestTools.Time;

/// <summary>The clock of the host that hv_utils shows as a PTP clock. Source: protocol-spec/integration.md#time-kinds.</summary>
internal static class HyperVClock
{
    /// <summary>The link that udev makes, which does not change its number as <c>/dev/ptp0</c> may.</summary>
    public const string Link = "/dev/ptp_hyperv";

    private const string ClockName = "hyperv";

    /// <summary>The clock's device, or null when there is none: the host offers no time, or hv_utils is not loaded.</summary>
    /// <param name="classFolder">Where clocks are listed.</param>
    public static string? Find(string classFolder = "/sys/class/ptp")
    {
        if (!Directory.Exists(classFolder)) return null;
        foreach (string folder in Directory.EnumerateDirectories(classFolder))
        {
            string name = Path.Combine(folder, "clock_name");
            if (File.Exists(name) && File.ReadAllText(name).Trim() == ClockName) return "/dev/" + Path.GetFileName(folder);
        }

        return null;
    }

    /// <summary>How far the host's clock is ahead of this guest's.</summary>
    /// <param name="device">The clock's device.</param>
    /// <param name="nanoseconds">The offset.</param>
    /// <returns>0, or negative errno: ESTALE when the host's last time is older than ten minutes.</returns>
    public static int ReadOffset(string device, out long nanoseconds)
    {
        nanoseconds = 0;
        using LinuxFile? file = LinuxFile.TryOpen(device, LinuxOpen.Read, out int errno);
        return file is null ? -errno : SystemClock.ReadOffset(file, out nanoseconds);
    }
}
