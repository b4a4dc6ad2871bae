using System.Globalization;

namespace VmBus.Benchmarks.Guest;

/// <summary>Counters of the kernel about one monitor: KVM's (debugfs, the same source for all) and the wake-ups of its threads.</summary>
internal static class HostCounters
{
    // KVM's name, then ours.
    private static readonly (string File, string Name)[] Kvm =
    [
        ("exits", "exits"),
        ("io_exits", "user-space exits, ports"),
        ("mmio_exits", "user-space exits, memory"),
        ("halt_exits", "halt exits"),
        ("hypercalls", "hypercalls"),
        ("irq_injections", "interrupts injected"),
        ("pf_taken", "faults of guest memory"),
    ];

    /// <summary>Mounts debugfs and tracefs where they are not.</summary>
    internal static void Prepare()
    {
        if (!Directory.Exists("/sys/kernel/debug/kvm")) HostCommand.Run("mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug");
        if (!Directory.Exists("/sys/kernel/tracing/events")) HostCommand.Run("mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing");
    }

    /// <summary>The sums since the monitor started, by name.</summary>
    internal static Dictionary<string, double> Read(int process)
    {
        var values = new Dictionary<string, double>(StringComparer.Ordinal);
        string folder = Directory.GetDirectories("/sys/kernel/debug/kvm", $"{process}-*").Single();
        foreach ((string file, string name) in Kvm)
        {
            values[name] = double.Parse(File.ReadAllText(Path.Combine(folder, file)), CultureInfo.InvariantCulture);
        }

        values["wake-ups of the monitor's threads"] = WakeUps(process);
        return values;
    }

    // A thread that sleeps is woken once for each voluntary switch. Kernel workers of io_uring are among the tasks; vhost's is a process of its own, which
    // Linux names after the monitor's.
    private static double WakeUps(int process)
    {
        double sum = 0;
        foreach (string task in Directory.GetDirectories($"/proc/{process}/task").Concat(KernelThreads($"vhost-{process}")))
        {
            try
            {
                sum += ProcessStatus.Read(Path.Combine(task, "status"), "voluntary_ctxt_switches");
            }
            catch (IOException)
            {
                // The thread ended meanwhile.
            }
        }

        return sum;
    }

    private static List<string> KernelThreads(string name)
    {
        List<string> found = [];
        foreach (string folder in Directory.GetDirectories("/proc", "*"))
        {
            if (!char.IsAsciiDigit(Path.GetFileName(folder)[0])) continue;
            try
            {
                if (File.ReadAllText(Path.Combine(folder, "comm")).TrimEnd() == name) found.Add(folder);
            }
            catch (IOException)
            {
                // The process ended meanwhile.
            }
        }

        return found;
    }
}
