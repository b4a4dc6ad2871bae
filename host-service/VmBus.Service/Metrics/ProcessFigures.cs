using System.Globalization;

namespace VmBus.Service.Metrics;

/// <summary>What a process takes of the host. Source: proc(5), /proc/PID/stat.</summary>
/// <param name="CpuSeconds">Processor time, of user space and kernel.</param>
/// <param name="ResidentBytes">Memory that it holds.</param>
internal readonly record struct ProcessFigures(double CpuSeconds, long ResidentBytes)
{
    // USER_HZ, which is 100 wherever there is x86-64 Linux.
    private const double TicksPerSecond = 100;

    /// <summary>Reads them.</summary>
    /// <returns>Null when the process has ended.</returns>
    public static ProcessFigures? TryRead(long process)
    {
        try
        {
            return TryParse(File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/stat")));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Reads a line of /proc/PID/stat.</summary>
    public static ProcessFigures? TryParse(string stat)
    {
        // The program's name is in parentheses, and may hold blanks and parentheses itself.
        string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        const int User = 11, Kernel = 12, Pages = 21;
        return fields.Length > Pages
            && long.TryParse(fields[User], NumberStyles.None, CultureInfo.InvariantCulture, out long user)
            && long.TryParse(fields[Kernel], NumberStyles.None, CultureInfo.InvariantCulture, out long kernel)
            && long.TryParse(fields[Pages], NumberStyles.None, CultureInfo.InvariantCulture, out long pages)
            ? new ProcessFigures((user + kernel) / TicksPerSecond, pages * Environment.SystemPageSize)
            : null;
    }
}
