using System.Diagnostics;
using System.Globalization;
using VmBus.Benchmarks.Guest;

namespace VmBus.Benchmarks.Network;

/// <summary>
/// iperf3 and ping between a minimal guest and its host on a TAP: ours, and QEMU's virtio-net with the data path in QEMU and in the host's
/// kernel (vhost). Each round boots every monitor once.
/// </summary>
internal sealed class NetworkPart : IBenchmarkPart
{
    private const string Answer = "bench: done";
    private const string Tap = "bench0";
    private static readonly GuestMonitor[] Monitors = [GuestMonitor.VmBus, GuestMonitor.VirtioNet, GuestMonitor.VhostNet];

    public string Name => "network";

    public string Summary => "iperf3 and ping of a guest against QEMU's virtio-net with and without vhost; exits, interrupts and wake-ups per MiB";

    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        BenchmarkEnvironment environment = BenchmarkEnvironment.Read();
        NetworkJob[] jobs = NetworkJob.All(options.Quick);
        string[] columns = [.. Monitors.Select(monitor => monitor.Name)];
        string where = $"{GuestMonitor.Processors} vCPU, {GuestMonitor.MemoryMegabytes} MiB, TAP";
        ComparisonTable speed = report.AddTable($"iperf3 and ping, {where}, median of {options.Repeat}", columns);
        ComparisonTable perMegabyte = report.AddTable($"Per MiB, {where}", columns);
        HostCounters.Prepare();
        HostCommand.Run("modprobe", "tun");
        HostCommand.Run("modprobe", "vhost_net");
        for (int round = 0; round < options.Repeat; round++)
        {
            for (int turn = 0; turn < Monitors.Length; turn++)
            {
                GuestMonitor monitor = Monitors[(round + turn) % Monitors.Length];
                Console.Error.WriteLine($"network: round {round + 1} of {options.Repeat}, {monitor.Name}");
                Measure(environment, monitor, jobs, speed, perMegabyte);
            }
        }
    }

    private static void Measure(BenchmarkEnvironment environment, GuestMonitor monitor, NetworkJob[] jobs, ComparisonTable speed, ComparisonTable perMegabyte)
    {
        HostCommand.Run("ip", "tuntap", "add", Tap, "mode", "tap");
        try
        {
            HostCommand.Run("ip", "addr", "add", "10.9.0.1/24", "dev", Tap);
            HostCommand.Run("ip", "link", "set", Tap, "up");
            using Process server = Process.Start(new ProcessStartInfo("iperf3", ["-s", "-B", "10.9.0.1"]) { UseShellExecute = false, RedirectStandardOutput = true })
                ?? throw new InvalidOperationException("iperf3 did not start");
            server.OutputDataReceived += static (_, _) => { };
            server.BeginOutputReadLine();
            try
            {
                MeasureGuest(environment, monitor, jobs, speed, perMegabyte);
            }
            finally
            {
                server.Kill();
                server.WaitForExit();
            }
        }
        finally
        {
            HostCommand.Run("ip", "link", "delete", Tap);
        }
    }

    private static void MeasureGuest(
        BenchmarkEnvironment environment, GuestMonitor monitor, NetworkJob[] jobs, ComparisonTable speed, ComparisonTable perMegabyte)
    {
        string script = Convert.ToBase64String("sh /bench/network"u8);
        var start = new GuestStart(environment, environment.ToolsInitrd, $"console=ttyS0 panic=-1 quiet vmbus.run={script}", Disk: null, Tap);
        using var guest = new GuestProcess(monitor, start);
        guest.WaitFor("bench: ready");
        foreach (NetworkJob job in jobs)
        {
            Dictionary<string, double> before = HostCounters.Read(guest.Id);
            guest.Send(job.Command);
            string[] words = guest.WaitFor(Answer).Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0) throw new InvalidOperationException($"'{job.Command}' failed with {monitor.Name}:\n{guest.LastLines}");
            double[] answer = [.. words.Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
            Dictionary<string, double> after = HostCounters.Read(guest.Id);
            double value = job.Value(answer);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {job.Name}: {value:0.#} {job.Unit} after {guest.Seconds:0} s"));
            speed.Add(job.Name, job.Unit, monitor.Name, value);
            if (job.Megabytes == 0) continue;
            foreach ((string name, double count) in after)
            {
                perMegabyte.Add($"{job.Name}: {name}", "per MiB", monitor.Name, (count - before[name]) / job.Megabytes);
            }
        }

        guest.Send("exit");
        guest.WaitForEnd();
    }
}
