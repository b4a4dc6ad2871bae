using System.Globalization;
using VmBus.Benchmarks.Guest;

namespace VmBus.Benchmarks.Boot;

/// <summary>Resident memory of a monitor, the guest's apart from its own; all in MiB.</summary>
/// <param name="Anonymous">The monitor's anonymous memory.</param>
/// <param name="File">Programs, libraries and other files that it has mapped.</param>
/// <param name="Guest">Pages of the guest's memory that were touched.</param>
internal sealed record MonitorMemory(double Anonymous, double File, double Guest)
{
    private const long GuestBytes = (long)GuestMonitor.MemoryMegabytes << 20;

    /// <summary>Reads what the process has now. The guest's memory is the writable mapping that is as large as it.</summary>
    /// <exception cref="InvalidOperationException">There is no such mapping.</exception>
    internal static MonitorMemory Read(int process)
    {
        double guest = 0;
        double guestAnonymous = 0;
        bool inGuest = false;
        foreach (string line in System.IO.File.ReadLines($"/proc/{process}/smaps"))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            // A mapping begins with "START-END PERMISSIONS", its numbers with "NAME:".
            bool begins = !words[0].EndsWith(':');
            if (begins) inGuest = words[1].StartsWith("rw", StringComparison.Ordinal) && Bytes(words[0]) >= GuestBytes;
            if (begins || !inGuest) continue;
            if (words[0] == "Rss:") guest += Kilobytes(words[1]);
            if (words[0] == "Anonymous:") guestAnonymous += Kilobytes(words[1]);
        }

        if (guest == 0) throw new InvalidOperationException($"Process {process} has no mapping of a guest's memory.");
        string status = $"/proc/{process}/status";
        double anonymous = ProcessStatus.Read(status, "RssAnon") - guestAnonymous;
        double shared = ProcessStatus.Read(status, "RssShmem") - (guest - guestAnonymous);
        return new MonitorMemory((anonymous + shared) / 1024, ProcessStatus.Read(status, "RssFile") / 1024, guest / 1024);
    }

    private static long Bytes(string range)
    {
        string[] ends = range.Split('-');
        ulong start = ulong.Parse(ends[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return (long)(ulong.Parse(ends[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture) - start);
    }

    private static double Kilobytes(string number) => double.Parse(number, CultureInfo.InvariantCulture);
}
