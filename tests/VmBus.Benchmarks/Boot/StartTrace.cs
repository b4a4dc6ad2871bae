using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace VmBus.Benchmarks.Boot;

/// <summary>When a monitor made its virtual machine and first entered it, by the trace of its ioctl calls. One at a time.</summary>
internal sealed partial class StartTrace : IDisposable
{
    private const string Tracing = "/sys/kernel/tracing/";
    private const string Calls = Tracing + "events/syscalls/sys_enter_ioctl/";
    private const string CreateVm = "ae01";
    private const string Run = "ae80";

    internal StartTrace()
    {
        // The clock of Stopwatch. Changing it empties the buffer, which then keeps what came first.
        File.WriteAllText(Tracing + "trace_clock", "mono");
        File.WriteAllText(Tracing + "options/overwrite", "0");
        File.WriteAllText(Tracing + "trace", "");
        File.WriteAllText(Calls + "filter", $"cmd==0x{CreateVm}||cmd==0x{Run}");
        File.WriteAllText(Calls + "enable", "1");
        File.WriteAllText(Tracing + "tracing_on", "1");
    }

    /// <summary>Seconds from a time stamp of <see cref="Stopwatch"/> to the machine's creation and to its first instruction.</summary>
    internal static (double Created, double Entered) Read(long start)
    {
        double created = 0;
        double begin = start / (double)Stopwatch.Frequency;
        foreach (string line in File.ReadLines(Tracing + "trace"))
        {
            if (Call().Match(line) is not { Success: true } call) continue;
            double time = double.Parse(call.Groups["time"].Value, CultureInfo.InvariantCulture) - begin;
            if (call.Groups["command"].Value == CreateVm) created = time;
            else if (created > 0) return (created, time);
        }

        throw new InvalidOperationException("The trace has no start of a virtual machine.");
    }

    public void Dispose()
    {
        File.WriteAllText(Calls + "enable", "0");
        File.WriteAllText(Calls + "filter", "0");
        File.WriteAllText(Tracing + "trace", "");
        File.WriteAllText(Tracing + "options/overwrite", "1");
    }

    //   vmbus-228     [001] ...1.    31.392334: sys_ioctl(fd: 46, cmd: ae01, arg: 0)
    [GeneratedRegex(@" (?<time>\d+\.\d+): sys_ioctl\(fd: \w+, cmd: (0x)?(?<command>\w+)", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Call();
}
