using System.Globalization;

namespace VmBus.Service.Workers;

/// <summary>Finds a worker by the words that it was started with: one whose service was killed before it wrote the record, and that does not answer yet.</summary>
internal static class WorkerSearch
{
    // Asks systemd for a worker with the same words.
    private const string SystemdRun = "systemd-run";

    /// <summary>The number of the process; null when there is none.</summary>
    /// <param name="files">The worker's files.</param>
    public static int? TryFind(WorkerFiles files)
    {
        // It is there from before the start to the end.
        if (!File.Exists(files.Definition)) return null;
        string named = $"{files.Control},";
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int number)) continue;
            string[] words = WordsOf(folder);
            if (words.Length > 0 && Path.GetFileName(words[0]) != SystemdRun && words.Any(word => word == files.Control || word.StartsWith(named, StringComparison.Ordinal))) return number;
        }

        return null;
    }

    /// <summary>Whom a process runs as; null when it has ended.</summary>
    public static uint? UserOf(int process)
    {
        const string Key = "Uid:";
        try
        {
            string? line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/status")).FirstOrDefault(static line => line.StartsWith(Key, StringComparison.Ordinal));
            return uint.TryParse(line?[Key.Length..].Trim().Split('\t')[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint user) ? user : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string[] WordsOf(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "cmdline")).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile, or is another user's.
            return [];
        }
    }
}
