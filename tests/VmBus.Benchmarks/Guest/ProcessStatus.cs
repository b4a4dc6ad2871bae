using System.Globalization;

namespace VmBus.Benchmarks.Guest;

/// <summary>Reads numbers of <c>/proc/PID/status</c>.</summary>
internal static class ProcessStatus
{
    /// <summary>The number of one line; kilobytes where the kernel says kB.</summary>
    internal static double Read(string file, string field)
    {
        foreach (string line in File.ReadLines(file))
        {
            if (line.StartsWith(field + ":", StringComparison.Ordinal))
            {
                return double.Parse(line[(field.Length + 1)..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
            }
        }

        return 0;
    }
}
