using VmBus.Storage.Disks;

namespace VmBus.Cli.Options;

/// <summary>Reads what <c>--disk</c> and the monitor's <c>disk add</c> take.</summary>
internal static class DiskOption
{
    /// <summary>Parses <c>PATH[,KEY=VALUE]…</c>.</summary>
    /// <exception cref="DiskException">An option is unknown or has a bad value.</exception>
    public static DiskOptions Parse(string text) => DiskOptions.Parse(text, (key, value) => key == "bus" && value == "vmbus");

    /// <summary>Checks a disk that another process may open, and makes its path absolute: that process has another folder.</summary>
    /// <exception cref="DiskException">An option is unknown or has a bad value.</exception>
    public static string Complete(string text)
        => Path.IsPathRooted(Parse(text).Path) ? text : $"{Environment.CurrentDirectory.TrimEnd('/').Replace(",", ",,", StringComparison.Ordinal)}/{text}";
}
