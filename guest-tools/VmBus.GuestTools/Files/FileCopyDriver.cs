using System.Globalization;
using VmBus.GuestTools.Daemon;

namespace VmBus.GuestTools.Files;

/// <summary>Whether this kernel has a device for file copy.</summary>
internal static class FileCopyDriver
{
    // From this version on hv_utils leaves the channel to uio_hv_generic.
    private static readonly Version LastWithout = new(6, 10);

    /// <summary>Whether a kernel leaves file copy to a program that serves the channel itself.</summary>
    /// <param name="release">The kernel's release, such as <c>6.1.0-56-cloud-amd64</c>.</param>
    public static bool IsLeftToPrograms(string release)
    {
        string[] numbers = release.Split('.', '-', '+');
        return numbers.Length >= 2 && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out int minor) && new Version(major, minor) >= LastWithout;
    }

    /// <summary>As above for the kernel that runs; says so.</summary>
    public static bool IsLeftToPrograms(DaemonLog log)
    {
        string release = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        if (!IsLeftToPrograms(release)) return false;
        log.Say($"fcopy: the kernel {release} has no {FileCopyHandler.Device}: since 6.10 it leaves file copy to uio_hv_generic, which this service does not use");
        return true;
    }
}
