using System.Globalization;
using VmBus.Client.Sysfs;
using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;

namespace VmBus.Conformance.Inside;

/// <summary>What a guest's kernel shows of its VMBus and its hypervisor.</summary>
/// <param name="root">The folder that is <c>/</c>.</param>
/// <param name="leaves">What CPUID says.</param>
internal sealed class GuestView(string root, HypervisorLeaves leaves)
{
    private const string VersionWords = "Vmbus version:";
    private const string InterruptRow = "HYP:";

    private readonly Lazy<IReadOnlyList<string>> _log = new(() => KernelLog.Read(root));

    public string Root => root;

    public HypervisorLeaves Leaves => leaves;

    /// <summary>The devices, as they are now.</summary>
    public VmbusTree Tree { get; } = new(root);

    /// <summary>The kernel's messages.</summary>
    public IReadOnlyList<string> Log => _log.Value;

    /// <summary>The version of the VMBus that the kernel has agreed on.</summary>
    public ProtocolVersion Version
    {
        get
        {
            foreach (string line in Log)
            {
                int at = line.IndexOf(VersionWords, StringComparison.Ordinal);
                if (at < 0) continue;
                string[] parts = line[(at + VersionWords.Length)..].Trim().Split('.');
                if (parts.Length == 2 && ushort.TryParse(parts[0], CultureInfo.InvariantCulture, out ushort major) && ushort.TryParse(parts[1], CultureInfo.InvariantCulture, out ushort minor))
                    return new ProtocolVersion(((uint)major << 16) | minor);
            }

            throw new NotCoveredException($"The kernel's log no longer has the line '{VersionWords}'.");
        }
    }

    /// <summary>Interrupts of the hypervisor that each processor has had, by its number: those of the VMBus.</summary>
    public IReadOnlyDictionary<int, long> Interrupts()
    {
        string[] lines = File.ReadAllLines(Path.Combine(root, "proc/interrupts"));
        int[] processors = [.. Words(lines[0]).Select(static word => int.Parse(word.AsSpan("CPU".Length), CultureInfo.InvariantCulture))];
        string row = Array.Find(lines, static line => line.TrimStart().StartsWith(InterruptRow, StringComparison.Ordinal))
            ?? throw new NotCoveredException("/proc/interrupts has no row for interrupts of a hypervisor.");
        string[] counts = Words(row)[1..];
        return processors.Select((processor, column) => (processor, count: long.Parse(counts[column], CultureInfo.InvariantCulture))).ToDictionary(static pair => pair.processor, static pair => pair.count);
    }

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
