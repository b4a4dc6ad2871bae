using System.Diagnostics;
using System.Globalization;

namespace VmBus.Benchmarks.Service;

/// <summary>The service with a hundred definitions and none running, against libvirtd with as many: the command line, requests, what it takes when nobody asks.</summary>
internal sealed class ServicePart : IBenchmarkPart
{
    private const int Machines = 100;
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(30);

    public string Name => "service";

    public string Summary => "vmbusd and vmbus with 100 definitions, against libvirtd and virsh";

    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        string program = Environment.GetEnvironmentVariable("VMBUS") is { Length: > 0 } path
            ? path
            : throw new InvalidOperationException("VMBUS is not set: this part runs through tests/VmBus.Benchmarks/run");
        string folder = Directory.CreateTempSubdirectory("vmbus-benchmark-").FullName;
        // The other user has to get there.
        File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.OtherExecute);
        try
        {
            string[] names = [.. Enumerable.Range(1, Machines).Select(static number => string.Create(CultureInfo.InvariantCulture, $"vm{number}"))];
            using var ours = new VmBusManager(program, Directory.CreateDirectory(Path.Combine(folder, "vmbus")).FullName, names);
            using var theirs = new LibvirtManager(Directory.CreateDirectory(Path.Combine(folder, "libvirt")).FullName, names);
            IManager[] managers = [ours, theirs];
            ComparisonTable table = report.AddTable($"{Machines} definitions, none running, median of {options.Repeat}", [.. managers.Select(static manager => manager.Name)]);
            MeasureIdle(managers, table, options.Quick ? Idle / 10 : Idle);
            // The first round brings programs into the page cache and does not count.
            for (int round = 0; round <= options.Repeat; round++)
            {
                for (int turn = 0; turn < managers.Length; turn++)
                {
                    IManager manager = managers[(round + turn) % managers.Length];
                    Console.Error.WriteLine($"service: round {round} of {options.Repeat}, {manager.Name}");
                    Measure(manager, options.Quick ? 200 : 2000, round == 0 ? null : table);
                }
            }

            MeasureIdle(managers, table, options.Quick ? Idle / 10 : Idle);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Measure(IManager manager, int requests, ComparisonTable? table)
    {
        double before = CpuSeconds(manager.Process);
        double list = Milliseconds(manager.List), definition = Milliseconds(() => manager.Definition("vm50")), define = Milliseconds(() => manager.DefineAndUndefine("new"));
        double asked = CpuSeconds(manager.Process), many = Milliseconds(() => manager.AskMany("vm50", requests));
        if (table is null) return;
        table.Add("list all, by the command line", "ms", manager.Name, list);
        table.Add("print a definition, by the command line", "ms", manager.Name, definition);
        table.Add("define and undefine, by the command line", "ms", manager.Name, define);
        table.Add("  the daemon's processor time for these", "ms", manager.Name, 1000 * (asked - before));
        table.Add("requests over one connection", "1/s", manager.Name, requests / many * 1000);
        table.Add("  the daemon's processor time for each", "µs", manager.Name, 1e6 * (CpuSeconds(manager.Process) - asked) / requests);
    }

    // Both over the same time.
    private static void MeasureIdle(IManager[] managers, ComparisonTable table, TimeSpan time)
    {
        Thread.Sleep(TimeSpan.FromSeconds(2));
        double[] before = [.. managers.Select(static manager => CpuSeconds(manager.Process))];
        long start = Stopwatch.GetTimestamp();
        Thread.Sleep(time);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        for (int i = 0; i < managers.Length; i++)
        {
            table.Add("processor when nobody asks", "% of one", managers[i].Name, 100 * (CpuSeconds(managers[i].Process) - before[i]) / seconds);
            table.Add("memory of the daemon (PSS)", "MiB", managers[i].Name, Guest.ProcessStatus.Read($"/proc/{managers[i].Process}/smaps_rollup", "Pss") / 1024);
        }
    }

    // With that of threads that have ended; in hundredths of a second.
    private static double CpuSeconds(int process)
    {
        using var daemon = Process.GetProcessById(process);
        return daemon.TotalProcessorTime.TotalSeconds;
    }

    private static double Milliseconds(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
