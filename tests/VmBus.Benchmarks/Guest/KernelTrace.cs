using System.Globalization;
using System.Text.RegularExpressions;

namespace VmBus.Benchmarks.Guest;

/// <summary>
/// Counts system calls of one process, and exits, Hyper-V hypercalls and accesses to model-specific registers of its guest by kind, with the kernel's histogram triggers.
/// They cost time, so they run in a round whose times do not count.
/// </summary>
internal sealed partial class KernelTrace : IDisposable
{
    private const string Events = "/sys/kernel/tracing/events/";

    private static readonly (string Event, string Keys)[] Histograms =
    [
        ("raw_syscalls/sys_enter", "hist:keys=common_pid,id.syscall:size=8192"),
        ("kvm/kvm_exit", "hist:keys=exit_reason"),
        ("kvm/kvm_hv_hypercall", "hist:keys=code"),
        ("kvm/kvm_msr", "hist:keys=ecx"),
    ];

    internal KernelTrace()
    {
        foreach ((string name, string keys) in Histograms) File.WriteAllText($"{Events}{name}/trigger", keys);
    }

    /// <summary>What was counted since the start, by name.</summary>
    internal static Dictionary<string, double> Read(int process)
    {
        var values = new Dictionary<string, double>(StringComparer.Ordinal) { ["traced system calls"] = 0, ["traced Hyper-V hypercalls"] = 0 };
        HashSet<string> threads = [.. Directory.GetDirectories($"/proc/{process}/task").Select(path => Path.GetFileName(path))];
        foreach (Match row in Rows("raw_syscalls/sys_enter"))
        {
            if (!threads.Contains(row.Groups["pid"].Value)) continue;
            Add(values, "traced system calls", row);
            Add(values, "  " + row.Groups["key"].Value.Split(' ')[0], row);
        }

        foreach (Match row in Rows("kvm/kvm_hv_hypercall"))
        {
            Add(values, "traced Hyper-V hypercalls", row);
            Add(values, $"  traced hypercall 0x{long.Parse(row.Groups["key"].Value, CultureInfo.InvariantCulture):x}", row);
        }

        foreach (Match row in Rows("kvm/kvm_msr"))
        {
            Add(values, $"  traced register 0x{long.Parse(row.Groups["key"].Value, CultureInfo.InvariantCulture):x}", row);
        }

        foreach (Match row in Rows("kvm/kvm_exit"))
        {
            Add(values, $"  traced exit 0x{long.Parse(row.Groups["key"].Value, CultureInfo.InvariantCulture):x}", row);
        }

        return values;
    }

    public void Dispose()
    {
        foreach ((string name, string keys) in Histograms) File.WriteAllText($"{Events}{name}/trigger", "!" + keys);
    }

    private static void Add(Dictionary<string, double> values, string name, Match row)
        => values[name] = values.GetValueOrDefault(name) + double.Parse(row.Groups["count"].Value, CultureInfo.InvariantCulture);

    private static MatchCollection Rows(string name) => Row().Matches(File.ReadAllText($"{Events}{name}/hist"));

    // { common_pid:       1234, id: sys_ioctl                     [ 16] } hitcount:       5
    [GeneratedRegex(@"\{ (common_pid: +(?<pid>\d+), )?\w+: +(?<key>[^}]*?) *\} hitcount: +(?<count>\d+)", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Row();
}
