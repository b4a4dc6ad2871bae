using System.Globalization;
using VmBus.Benchmarks.Guest;

namespace VmBus.Benchmarks.Sockets;

/// <summary>
/// AF_VSOCK streams between a minimal guest and its host: Hyper-V sockets that we relay to a Unix socket, and QEMU's vhost-vsock, whose data path is in the
/// host's kernel. The first round traces and its times do not count; each further round boots every monitor once.
/// </summary>
internal sealed class SocketPart : IBenchmarkPart
{
    private const string Answer = "bench: done";
    private static readonly GuestMonitor[] Monitors = [GuestMonitor.VmBus, GuestMonitor.VhostVsock];

    public string Name => "sockets";

    public string Summary => "streams and round trips of AF_VSOCK against QEMU's vhost-vsock; exits, interrupts, system calls and wake-ups per MiB";

    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        BenchmarkEnvironment environment = BenchmarkEnvironment.Read();
        SocketJob[] jobs = SocketJob.All(options.Quick);
        string[] columns = [.. Monitors.Select(monitor => monitor.Name)];
        string where = $"{GuestMonitor.Processors} vCPU, {GuestMonitor.MemoryMegabytes} MiB";
        ComparisonTable speed = report.AddTable($"AF_VSOCK, {where}, median of {options.Repeat}", columns);
        ComparisonTable counts = report.AddTable($"Per MiB or round trip, {where}", columns);
        HostCounters.Prepare();
        HostCommand.Run("modprobe", "vhost_vsock");
        for (int round = 0; round <= options.Repeat; round++)
        {
            for (int turn = 0; turn < Monitors.Length; turn++)
            {
                GuestMonitor monitor = Monitors[(round + turn) % Monitors.Length];
                Console.Error.WriteLine($"sockets: round {round} of {options.Repeat}, {monitor.Name}");
                Measure(environment, monitor, jobs, speed, counts, traced: round == 0);
            }
        }
    }

    private static void Measure(
        BenchmarkEnvironment environment, GuestMonitor monitor, SocketJob[] jobs, ComparisonTable speed, ComparisonTable counts, bool traced)
    {
        string relay = Path.Combine(environment.Scratch, "benchmark.vsock");
        using var host = new HostStreams(environment.Streams, ReferenceEquals(monitor, GuestMonitor.VmBus) ? relay : null);
        string script = Convert.ToBase64String("sh /bench/sockets"u8);
        var start = new GuestStart(
            environment, environment.ToolsInitrd, $"console=ttyS0 panic=-1 quiet vmbus.run={script}", Disk: null, Tap: null, Sockets: relay);
        using var guest = new GuestProcess(monitor, start);
        guest.WaitFor("bench: ready");
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  ready after {guest.Seconds:0} s"));
        Dictionary<bool, Dictionary<string, double>> idles = [];
        foreach (SocketJob job in jobs)
        {
            if (!idles.TryGetValue(job.HostConnects, out Dictionary<string, double>? idle))
            {
                idles[job.HostConnects] = idle = Counted(guest, host, monitor, job.Idle, traced, out _);
            }

            Dictionary<string, double> counted = Counted(guest, host, monitor, job, traced, out double microseconds);
            foreach ((string name, double count) in counted)
            {
                double each = (count - idle.GetValueOrDefault(name)) / job.Amount;
                if (!name.StartsWith(' ') || each >= 0.01) counts.Add($"{job.Name}: {name}", job.PerAmount, monitor.Name, each);
            }

            double value = job.Value(microseconds);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {job.Name}: {value:0.#} {job.Unit} after {guest.Seconds:0} s"));
            if (!traced) speed.Add(job.Name, job.Unit, monitor.Name, value);
        }

        guest.Send("exit");
        guest.WaitForEnd();
    }

    private static Dictionary<string, double> Counted(
        GuestProcess guest, HostStreams host, GuestMonitor monitor, SocketJob job, bool traced, out double microseconds)
    {
        using KernelTrace? trace = traced ? new KernelTrace() : null;
        Dictionary<string, double> before = traced ? [] : HostCounters.Read(guest.Id);
        string answer = job.HostConnects ? host.Connect(job.Command) : Ask(guest, job.Command);
        Dictionary<string, double> counted = traced ? KernelTrace.Read(guest.Id) : HostCounters.Read(guest.Id);
        if (!double.TryParse(answer, NumberStyles.None, CultureInfo.InvariantCulture, out microseconds))
        {
            throw new InvalidOperationException($"'{job.Command}' failed with {monitor.Name}:\n{guest.LastLines}");
        }

        foreach ((string name, double value) in before) counted[name] -= value;
        return counted;
    }

    private static string Ask(GuestProcess guest, string command)
    {
        guest.Send(command);
        return guest.WaitFor(Answer);
    }
}
