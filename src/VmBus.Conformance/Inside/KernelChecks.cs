using VmBus.Client.Sysfs;
using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;

namespace VmBus.Conformance.Inside;

/// <summary>What the guest's own drivers have seen of the host: their log, sysfs, and CPUID.</summary>
internal static class KernelChecks
{
    private const string ServiceWords = " IC version ";
    private const string MemoryWords = "Using Dynamic Memory protocol version ";

    // Leaves up to this one are what Linux and Windows need (TLFS, 2.4).
    private const uint LeastLeaf = 0x4000_0005;

    private static readonly (string Name, int Bit)[] Registers = [("SynIC registers", 2), ("hypercall registers", 5), ("the VP index register", 6)];
    private static readonly (string Name, int Bit)[] Calls = [("POST_MESSAGE", 4), ("SIGNAL_EVENT", 5)];

    public static IEnumerable<InsideCheck> All =>
    [
        new("CH-1", AnswersContact),
        new("CH-14", NamesChannels),
        new("IC-2", Negotiates),
        new("DM-2", TakesAVersion),
        new("SY-15", SaysWhatItIs),
    ];

    // A kernel waits for the answer to each proposal without a limit, and does not go on without one.
    private static string AnswersContact(InsideBench bench)
    {
        ProtocolVersion version = bench.View.Version;
        Bench.Must(ProtocolVersion.All.Contains(version), $"The host has agreed on {version}, which does not exist.");
        return $"the kernel was answered, down to {version}";
    }

    private static string NamesChannels(InsideBench bench)
    {
        VmbusChannel[] channels = [.. bench.View.Tree.Read().SelectMany(static device => device.Channels)];
        if (channels.Length == 0) throw new NotCoveredException("The host offers no device.");
        foreach (VmbusChannel channel in channels)
            Bench.Must(channel.Id is > 0 and < SyntheticInterrupts.EventFlagCount, $"A channel has id {channel.Id}.");
        Bench.Must(channels.DistinctBy(static channel => channel.Id).Count() == channels.Length, "Two channels have the same id.");
        return $"{channels.Length} channels with ids {channels.Min(static channel => channel.Id)} to {channels.Max(static channel => channel.Id)}";
    }

    private static string Negotiates(InsideBench bench)
    {
        string[] agreed = [.. bench.View.Log.Where(static line => line.StartsWith("hv_util", StringComparison.Ordinal) && line.Contains(ServiceWords, StringComparison.Ordinal))
            .Select(static line => line[(line.IndexOf(':', StringComparison.Ordinal) + 2)..].Replace(ServiceWords, " ", StringComparison.Ordinal)).Distinct()];
        if (agreed.Length == 0) throw new NotCoveredException("The kernel's log has no line of a service that has agreed on a version.");
        return $"the kernel's drivers have agreed on {string.Join(", ", agreed)}";
    }

    private static string TakesAVersion(InsideBench bench)
    {
        foreach (string line in bench.View.Log)
        {
            int at = line.IndexOf(MemoryWords, StringComparison.Ordinal);
            if (at < 0) continue;
            string version = line[(at + MemoryWords.Length)..].Trim();
            Bench.Must(version is "2.0" or "1.0" or "0.3", $"The host has agreed on version {version}.");
            return $"the kernel's driver has agreed on {version}";
        }

        throw new NotCoveredException("The kernel's log has no line of dynamic memory that has agreed on a version.");
    }

    private static string SaysWhatItIs(InsideBench bench)
    {
        HypervisorLeaves leaves = bench.View.Leaves;
        if (!leaves.CanBeRead) throw new NotCoveredException("This processor has no CPUID.");
        Bench.Must(leaves.Vendor == "Microsoft Hv", $"CPUID names the hypervisor '{leaves.Vendor}'.");
        Bench.Must(leaves.Interface == "Hv#1", $"CPUID names the interface '{leaves.Interface}'.");
        Bench.Must(leaves.Last >= LeastLeaf, $"CPUID has leaves up to {leaves.Last:x} only.");
        CpuidRegisters privileges = leaves.Privileges;
        Demand(privileges.Eax, Registers);
        Demand(privileges.Ebx, Calls);
        return $"leaves up to {leaves.Last:x}, privileges {privileges.Eax:x8} and {privileges.Ebx:x8}";
    }

    private static void Demand(uint register, (string Name, int Bit)[] wanted)
    {
        foreach ((string name, int bit) in wanted) Bench.Must(((register >> bit) & 1) != 0, $"CPUID does not let the partition use {name}.");
    }
}
