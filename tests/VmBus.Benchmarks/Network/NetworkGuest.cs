using System.Diagnostics;
using System.Globalization;
using VmBus.Benchmarks.Guest;

namespace VmBus.Benchmarks.Network;

/// <summary>A running guest of one monitor and what it talks to: a TAP and an iperf3 server in a network namespace of the host. One thread uses it.</summary>
internal sealed class NetworkGuest : IDisposable
{
    private const string Answer = "bench: done";
    private const string Tap = "bench0";

    private readonly GuestMonitor _monitor;
    private readonly string _namespace;
    private readonly Process _server;
    private readonly GuestProcess _guest;

    /// <summary>Starts the monitor and waits until the guest takes jobs.</summary>
    internal NetworkGuest(BenchmarkEnvironment environment, GuestMonitor monitor)
    {
        _monitor = monitor;
        _namespace = $"bench-{monitor.Name}";
        HostCommand.Run("ip", "netns", "add", _namespace);
        try
        {
            string[] inside = ["netns", "exec", _namespace];
            HostCommand.Run("ip", [.. inside, "ip", "tuntap", "add", Tap, "mode", "tap"]);
            HostCommand.Run("ip", [.. inside, "ip", "addr", "add", "10.9.0.1/24", "dev", Tap]);
            HostCommand.Run("ip", [.. inside, "ip", "link", "set", Tap, "up"]);
            _server = Process.Start(new ProcessStartInfo("ip", [.. inside, "iperf3", "-s", "-B", "10.9.0.1"]) { UseShellExecute = false, RedirectStandardOutput = true })
                ?? throw new InvalidOperationException("iperf3 did not start");
            _server.OutputDataReceived += static (_, _) => { };
            _server.BeginOutputReadLine();
            string script = Convert.ToBase64String("sh /bench/network"u8);
            _guest = new GuestProcess(
                monitor, new GuestStart(environment, environment.ToolsInitrd, $"console=ttyS0 panic=-1 quiet vmbus.run={script}", Disk: null, Tap, Namespace: _namespace));
            _guest.WaitFor("bench: ready");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Lets the guest do one job.</summary>
    internal void Measure(NetworkJob job, ComparisonTable[] speed, ComparisonTable[] perMegabyte)
    {
        Dictionary<string, double> before = HostCounters.Read(_guest.Id);
        _guest.Send(job.Command);
        string[] words = _guest.WaitFor(Answer).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0) throw new InvalidOperationException($"'{job.Command}' failed with {_monitor.Name}:\n{_guest.LastLines}");
        double[] answer = [.. words.Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
        Dictionary<string, double> after = HostCounters.Read(_guest.Id);
        double value = job.Value(answer);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {job.Name}, {_monitor.Name}: {value:0.#} {job.Unit}"));
        foreach (ComparisonTable table in speed) table.Add(job.Name, job.Unit, _monitor.Name, value);
        if (job.Megabytes == 0) return;
        foreach ((string name, double count) in after)
        {
            foreach (ComparisonTable table in perMegabyte) table.Add($"{job.Name}: {name}", "per MiB", _monitor.Name, (count - before[name]) / job.Megabytes);
        }
    }

    /// <summary>Lets the guest power itself off.</summary>
    internal void End()
    {
        _guest.Send("exit");
        _guest.WaitForEnd();
    }

    public void Dispose()
    {
        _guest?.Dispose();
        if (_server is not null)
        {
            _server.Kill();
            _server.WaitForExit();
            _server.Dispose();
        }

        HostCommand.Run("ip", "netns", "delete", _namespace);
    }
}
