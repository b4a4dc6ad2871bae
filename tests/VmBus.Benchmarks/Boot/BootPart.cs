using System.Globalization;
using VmBus.Benchmarks.Guest;

namespace VmBus.Benchmarks.Boot;

/// <summary>
/// Time from the start of the monitor's process to the guest's first user-space process, and the monitor's memory beside the guest's
/// when the guest then waits: ours, QEMU's q35 and its microvm.
/// </summary>
internal sealed class BootPart : IBenchmarkPart
{
    private static readonly GuestMonitor[] Monitors = [GuestMonitor.VmBus, GuestMonitor.Q35, GuestMonitor.MicroVm];

    public string Name => "boot";

    public string Summary => "time to the guest's first process and the monitor's memory, against QEMU's q35 and microvm";

    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        BenchmarkEnvironment environment = BenchmarkEnvironment.Read();
        ComparisonTable table = report.AddTable(
            $"Boot and memory, {GuestMonitor.Processors} vCPU, {GuestMonitor.MemoryMegabytes} MiB, median of {options.Repeat}",
            [.. Monitors.Select(monitor => monitor.Name)]);
        HostCounters.Prepare();
        // The first round brings programs and images into the page cache and does not count.
        for (int round = 0; round <= options.Repeat; round++)
        {
            for (int turn = 0; turn < Monitors.Length; turn++)
            {
                GuestMonitor monitor = Monitors[(round + turn) % Monitors.Length];
                Console.Error.WriteLine($"boot: round {round} of {options.Repeat}, {monitor.Name}");
                Measure(environment, monitor, round == 0 ? null : table);
            }
        }
    }

    private static void Measure(BenchmarkEnvironment environment, GuestMonitor monitor, ComparisonTable? table)
    {
        // The guest's script says that it is there and waits for a line on the console.
        string script = Convert.ToBase64String("echo bench: ready; read line </dev/ttyS0"u8);
        var start = new GuestStart(environment, environment.Initrd, $"console=ttyS0 panic=-1 quiet vmbus.run={script}", Disk: null);
        using var trace = new StartTrace();
        using var guest = new GuestProcess(monitor, start);
        double kernel = double.Parse(guest.WaitFor("vmbus-init: up"), CultureInfo.InvariantCulture);
        double seconds = guest.Seconds;
        Dictionary<string, double> counters = HostCounters.Read(guest.Id);
        guest.WaitFor("bench: ready");
        MonitorMemory memory = MonitorMemory.Read(guest.Id);
        (double created, double entered) = StartTrace.Read(guest.Started);
        guest.Send("");
        guest.WaitForEnd();
        if (table is null) return;
        table.Add("exec to the first process", "s", monitor.Name, seconds);
        table.Add("  to the virtual machine's creation", "s", monitor.Name, created);
        table.Add("  from there to its first instruction", "s", monitor.Name, entered - created);
        table.Add("  firmware and unpacking of the kernel", "s", monitor.Name, seconds - kernel - entered);
        table.Add("  the guest's kernel, by its own clock", "s", monitor.Name, kernel);
        foreach ((string name, double value) in counters) table.Add($"up to the first process: {name}", "", monitor.Name, value);
        table.Add("memory beside the guest's", "MiB", monitor.Name, memory.Anonymous + memory.File);
        table.Add("  anonymous", "MiB", monitor.Name, memory.Anonymous);
        table.Add("  of files", "MiB", monitor.Name, memory.File);
        table.Add("guest memory touched", "MiB", monitor.Name, memory.Guest);
    }
}
