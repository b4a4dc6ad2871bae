using System.Globalization;

namespace VmBus.GuestTools.Files;

/// <summary>Whether a kernel has a device for file copy.</summary>
internal static class FileCopyDriver
{
    // From this version on hv_utils leaves the channel to uio_hv_generic.
    private static readonly Version FirstWithout = new(6, 10);

    /// <summary>Whether a kernel leaves file copy to a program that serves the channel itself.</summary>
    /// <param name="release">The kernel's release, such as <c>6.1.0-56-cloud-amd64</c>.</param>
    public static bool IsLeftToPrograms(string release)
    {
        string[] numbers = release.Split('.', '-', '+');
        return numbers.Length >= 2 && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out int minor) && new Version(major, minor) >= FirstWithout;
    }
}
