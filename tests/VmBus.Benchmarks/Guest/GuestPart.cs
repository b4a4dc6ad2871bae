using System.Globalization;

namespace VmBus.Benchmarks.Guest;

/// <summary>
/// fio in a minimal guest on a data disk of 1 GiB: ours on either bus, and QEMU's virtio-scsi and virtio-blk. The first round traces and its times do not
/// count; each further round boots every monitor once. The image is in the page cache, and what is dirty is written before each job.
/// </summary>
internal sealed class GuestPart : IBenchmarkPart
{
    private const long DiskBytes = 1L << 30;
    private const string Answer = "bench: done ";
    private static readonly GuestMonitor[] Ours = [GuestMonitor.VmBus, GuestMonitor.VmBusVirtio];
    private static readonly GuestMonitor[] Peers = [GuestMonitor.VirtioScsi, GuestMonitor.VirtioBlk];
    private static readonly GuestMonitor[] Monitors = [.. Ours, .. Peers];

    public string Name => "guest";

    public string Summary => "fio in a guest against QEMU's virtio-scsi and virtio-blk; exits, interrupts, system calls and wake-ups per request";

    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        BenchmarkEnvironment environment = BenchmarkEnvironment.Read();
        FioJob[] jobs = FioJob.All(options.Quick);
        IEnumerable<string> ours = Ours.Select(static monitor => monitor.Name), peers = Peers.Select(static monitor => monitor.Name);
        string where = $"{GuestMonitor.Processors} vCPU, {GuestMonitor.MemoryMegabytes} MiB, raw image on {environment.FileSystem}";
        ComparisonTable[] speed = report.AddTables($"fio, {where}, median of {options.Repeat}", ours, peers);
        ComparisonTable[] perRequest = report.AddTables($"Per request, {where}", ours, peers);
        HostCounters.Prepare();
        string disk = Path.Combine(environment.Scratch, "benchmark.img");
        try
        {
            Fill(disk);
            for (int round = 0; round <= options.Repeat; round++)
            {
                for (int turn = 0; turn < Monitors.Length; turn++)
                {
                    GuestMonitor monitor = Monitors[(round + turn) % Monitors.Length];
                    Console.Error.WriteLine($"guest: round {round} of {options.Repeat}, {monitor.Name}");
                    Measure(environment, monitor, disk, jobs, speed, perRequest, traced: round == 0);
                }
            }
        }
        finally
        {
            File.Delete(disk);
        }
    }

    private static void Measure(
        BenchmarkEnvironment environment, GuestMonitor monitor, string disk, FioJob[] jobs, ComparisonTable[] speed, ComparisonTable[] perRequest, bool traced)
    {
        string script = Convert.ToBase64String("sh /bench/agent"u8);
        var start = new GuestStart(environment, environment.ToolsInitrd, $"console=ttyS0 panic=-1 quiet vmbus.run={script}", disk);
        using var guest = new GuestProcess(monitor, start);
        guest.WaitFor("bench: ready");
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  ready after {guest.Seconds:0} s"));
        // What fio's own start and the console's answer cost is taken off: the first job does one request only.
        Dictionary<string, double> idle = Counted(guest, jobs[0] with { Requests = 1 }, traced, out _);
        foreach (FioJob job in jobs)
        {
            Dictionary<string, double> counted = Counted(guest, job, traced, out double milliseconds);
            foreach ((string name, double value) in counted)
            {
                double each = (value - idle.GetValueOrDefault(name)) / (job.Requests - 1);
                if (name.StartsWith(' ') && each < 0.01) continue;
                foreach (ComparisonTable table in perRequest) table.Add($"{job.Name}: {name}", "per request", monitor.Name, each);
            }

            double perSecond = job.Requests * 1000 / milliseconds;
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {job.Name}: {perSecond:0.#}/s after {guest.Seconds:0} s"));
            if (traced) continue;
            (string unit, double rate) = job.BlockKilobytes < 1024 ? ("IOPS", perSecond) : ("MiB/s", perSecond * job.BlockKilobytes / 1024);
            foreach (ComparisonTable table in speed) table.Add(job.Name, unit, monitor.Name, rate);
        }

        guest.Send("exit");
        guest.WaitForEnd();
    }

    private static Dictionary<string, double> Counted(GuestProcess guest, FioJob job, bool traced, out double milliseconds)
    {
        HostCommand.Run("sync");
        using KernelTrace? trace = traced ? new KernelTrace() : null;
        Dictionary<string, double> before = traced ? [] : HostCounters.Read(guest.Id);
        guest.Send(job.Arguments);
        // Error, then KiB and milliseconds of reads and of writes.
        double[] answer = [.. guest.WaitFor(Answer).Split(' ').Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
        Dictionary<string, double> counted = traced ? KernelTrace.Read(guest.Id) : HostCounters.Read(guest.Id);
        foreach ((string name, double value) in before) counted[name] -= value;
        milliseconds = answer[2] + answer[4];
        if (answer[0] != 0 || answer[1] + answer[3] != (double)job.Requests * job.BlockKilobytes)
        {
            throw new InvalidOperationException($"fio failed at {job.Name}: it answered {string.Join(' ', answer)}");
        }

        return counted;
    }

    // Holes would be read without the page cache.
    private static void Fill(string path)
    {
        byte[] block = new byte[1 << 20];
        new Random(1).NextBytes(block);
        using FileStream file = File.Create(path);
        for (long written = 0; written < DiskBytes; written += block.Length) file.Write(block);
        file.Flush(flushToDisk: true);
    }
}
