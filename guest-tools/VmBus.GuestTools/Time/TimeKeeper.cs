using System.Globalization;

namespace VmBus.GuestTools.Time;

/// <summary>Which program keeps this guest's clock. Source: proc(5).</summary>
/// <param name="Id">The process.</param>
/// <param name="Name">The program.</param>
internal sealed record TimeKeeper(int Id, string Name)
{
    // The kernel cuts names off after 15 bytes.
    private static readonly Dictionary<string, string> Known = new(StringComparer.Ordinal)
    {
        ["chronyd"] = "chronyd",
        ["systemd-timesyn"] = "systemd-timesyncd",
        ["ntpd"] = "ntpd",
        ["openntpd"] = "openntpd",
        ["phc2sys"] = "phc2sys",
    };

    /// <summary>A time daemon that is not this one, or null.</summary>
    public static TimeKeeper? FindOther(string processes = "/proc") => Find(processes, static (_, name) => Known.GetValueOrDefault(name));

    /// <summary>A daemon of this kind whose service is the time, or null.</summary>
    public static TimeKeeper? FindOwn(string processes = "/proc") => Find(processes, static (folder, name)
        => name == "vmbus-guest" && KeepsTime(File.ReadAllText(folder + "/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries)) ? name : null);

    // All services without names, else those that are named.
    private static bool KeepsTime(string[] words)
        => words is [_, "run", ..] && (words.Contains("time", StringComparer.Ordinal) || !words.Any(static word => word is "kvp" or "vss" or "fcopy"));

    private static TimeKeeper? Find(string processes, Func<string, string, string?> choose)
    {
        foreach (string folder in Directory.EnumerateDirectories(processes))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int id)) continue;
            try
            {
                if (choose(folder, File.ReadAllText(folder + "/comm").Trim()) is { } name) return new TimeKeeper(id, name);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Ended meanwhile.
            }
        }

        return null;
    }
}
