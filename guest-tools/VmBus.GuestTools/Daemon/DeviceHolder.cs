using System.Globalization;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Daemon;

/// <summary>Which program has a device open. Source: proc(5).</summary>
internal static class DeviceHolder
{
    /// <summary>The process, or null when none was found: it may belong to another user.</summary>
    public static (int Id, string Name)? Find(string path)
    {
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int id)) continue;
            try
            {
                if (Directory.EnumerateFiles(folder + "/fd").Any(entry => new FileInfo(entry).LinkTarget == path))
                    return (id, File.ReadAllText(folder + "/comm").Trim());
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Ended meanwhile, or another user's.
            }
        }

        return null;
    }

    /// <summary>The process in words.</summary>
    public static string Describe(string path) => Find(path) is var (id, name) ? $"{PeerText.Escape(name)} (process {id})" : "another program";
}
