using System.Numerics;
using VmBus.Native.Kvm;

namespace VmBus.Machine.Processors;

/// <summary>What the CPUID instruction answers on each virtual processor.</summary>
/// <remarks>
/// The host's leaves as KVM offers them, with the machine's own topology (one socket, one thread per core, APIC id = processor number), without
/// nested virtualization, and with Hyper-V's leaves instead of KVM's: a guest that finds both prefers KVM's and leaves VMBus alone.
/// Source: protocol-spec/machine.md#cpuid.
/// </remarks>
internal static class CpuidTable
{
    private const uint HypervisorBase = 0x4000_0000;
    private const uint HypervisorEnd = 0x4FFF_FFFF;
    private const uint MaximumHyperVLeaf = 0x4000_0005;

    // "Microsoft Hv" and "Hv#1".
    private const uint VendorEbx = 0x7263_694D;
    private const uint VendorEcx = 0x666F_736F;
    private const uint VendorEdx = 0x7648_2074;
    private const uint InterfaceSignature = 0x3123_7648;

    // Leaf 0x40000003, what may be shown of what KVM has. EAX: run time, reference counter, SynIC, timers, APIC registers, hypercalls, processor
    // number, reset, reference TSC page, frequencies. EBX: post messages, signal events. EDX: hypercall parameters in XMM registers, frequencies,
    // crash registers, direct timers (without which KVM itself would write timer messages into message slots).
    private const uint PrivilegesEax = 0x0AFF;
    private const uint PrivilegesEbx = 0x30;
    private const uint ExtendedHypercallsEbx = 1 << 20;
    private const uint FeaturesEdx = 0x8_0510;

    // Leaf 0x40000004: remote TLB flush, APIC registers (Linux takes lazy end-of-interrupt with them), relaxed timing, no AutoEOI, IPIs by
    // hypercall, sparse processor sets.
    private const uint HintsEax = 0xE2C;

    private const int SmtLevel = 1;
    private const int CoreLevel = 2;

    private const uint VmxEcx = 1 << 5;
    private const uint SmxEcx = 1 << 6;
    private const uint TscDeadlineEcx = 1 << 24;
    private const uint HypervisorEcx = 1u << 31;
    private const uint HyperThreadingEdx = 1 << 28;
    private const uint AlwaysRunningApicTimerEax = 1 << 2;
    private const uint SvmEcx = 1 << 2;
    private const uint TopologyExtensionsEcx = 1 << 22;

    /// <summary>The table of one processor.</summary>
    /// <param name="supported">KVM_GET_SUPPORTED_CPUID.</param>
    /// <param name="hyperV">KVM_GET_SUPPORTED_HV_CPUID.</param>
    /// <param name="processorCount">Processors of the machine.</param>
    /// <param name="processor">This one's number.</param>
    /// <param name="tscDeadline">Whether KVM emulates the TSC deadline timer; its list does not say.</param>
    /// <param name="extendedHypercalls">Whether the guest may ask for what extended hypercalls can; where KVM does not pass them on, it may not.</param>
    internal static kvm_cpuid_entry2[] Build(
        kvm_cpuid_entry2[] supported, kvm_cpuid_entry2[] hyperV, int processorCount, int processor, bool tscDeadline, bool extendedHypercalls = false)
    {
        var entries = new List<kvm_cpuid_entry2>(supported.Length + 8);
        bool hasTopologyLeaf = false;
        foreach (kvm_cpuid_entry2 offered in supported)
        {
            kvm_cpuid_entry2 entry = offered;
            switch (entry.function)
            {
                case >= HypervisorBase and <= HypervisorEnd:
                // Replaced below, or left out for what they say about the host's topology: V2 topology, AMD's caches and topology.
                case 0xB:
                    hasTopologyLeaf |= entry.function == 0xB;
                    continue;
                case 0x1F or 0x8000_001D or 0x8000_001E or 0x8000_0026:
                    continue;
                case 0x1:
                    SetFeatures(ref entry, processorCount, processor, tscDeadline);
                    break;
                case 0x4:
                    SetCache(ref entry, processorCount);
                    break;
                case 0x6:
                    (entry.eax, entry.ebx, entry.ecx, entry.edx) = (AlwaysRunningApicTimerEax, 0, 0, 0);
                    break;
                case 0x8000_0001:
                    entry.ecx &= ~(SvmEcx | TopologyExtensionsEcx);
                    break;
                case 0x8000_0008:
                    entry.ecx = (uint)(processorCount - 1) | (CoreIdBits(processorCount) << 12);
                    break;
                // Nested virtualization and memory encryption.
                case 0x8000_000A or 0x8000_001F:
                    (entry.eax, entry.ebx, entry.ecx, entry.edx) = (0, 0, 0, 0);
                    break;
                default:
                    break;
            }

            entries.Add(entry);
        }

        if (hasTopologyLeaf) AddTopology(entries, processorCount, processor);
        AddHyperV(entries, hyperV, processorCount, PrivilegesEbx | (extendedHypercalls ? ExtendedHypercallsEbx : 0));
        return [.. entries];
    }

    // Bits of an APIC id that tell cores apart.
    private static uint CoreIdBits(int processorCount) => (uint)BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)processorCount));

    private static void SetFeatures(ref kvm_cpuid_entry2 entry, int processorCount, int processor, bool tscDeadline)
    {
        entry.ebx = (entry.ebx & 0xFFFF) | ((uint)processorCount << 16) | ((uint)processor << 24);
        entry.ecx = (entry.ecx & ~(VmxEcx | SmxEcx | TscDeadlineEcx)) | HypervisorEcx | (tscDeadline ? TscDeadlineEcx : 0);
        entry.edx = (entry.edx & ~HyperThreadingEdx) | (processorCount > 1 ? HyperThreadingEdx : 0);
    }

    // Intel's cache leaf: caches of level 1 and 2 belong to a core, those above to the socket.
    private static void SetCache(ref kvm_cpuid_entry2 entry, int processorCount)
    {
        uint type = entry.eax & 0x1F;
        uint level = (entry.eax >> 5) & 7;
        if (type == 0) return;
        uint lastCore = (1u << (int)CoreIdBits(processorCount)) - 1;
        entry.eax = (entry.eax & 0x3FFF) | ((level > 2 ? lastCore : 0) << 14) | (Math.Min(lastCore, 63) << 26);
    }

    private static void AddTopology(List<kvm_cpuid_entry2> entries, int processorCount, int processor)
    {
        entries.Add(Topology(0, 0, 1, SmtLevel, processor));
        entries.Add(Topology(1, CoreIdBits(processorCount), (uint)processorCount, CoreLevel, processor));
        entries.Add(Topology(2, 0, 0, 0, processor));
    }

    private static kvm_cpuid_entry2 Topology(uint index, uint shift, uint processors, uint type, int processor) => new()
    {
        function = 0xB,
        index = index,
        flags = KvmConstant.KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
        eax = shift,
        ebx = processors,
        ecx = index | (type << 8),
        edx = (uint)processor,
    };

    private static void AddHyperV(List<kvm_cpuid_entry2> entries, kvm_cpuid_entry2[] hyperV, int processorCount, uint privilegesEbx)
    {
        entries.Add(Leaf(HypervisorBase, MaximumHyperVLeaf, VendorEbx, VendorEcx, VendorEdx));
        entries.Add(Leaf(HypervisorBase + 1, InterfaceSignature, 0, 0, 0));
        entries.Add(Array.Find(hyperV, e => e.function == HypervisorBase + 2) with { function = HypervisorBase + 2, flags = 0, index = 0 });
        kvm_cpuid_entry2 privileges = Array.Find(hyperV, e => e.function == HypervisorBase + 3);
        entries.Add(Leaf(
            HypervisorBase + 3, privileges.eax & PrivilegesEax, privileges.ebx & privilegesEbx, 0, privileges.edx & FeaturesEdx));
        kvm_cpuid_entry2 hints = Array.Find(hyperV, e => e.function == HypervisorBase + 4);
        entries.Add(Leaf(HypervisorBase + 4, hints.eax & HintsEax, hints.ebx, 0, 0));
        kvm_cpuid_entry2 limits = Array.Find(hyperV, e => e.function == HypervisorBase + 5);
        entries.Add(Leaf(HypervisorBase + 5, (uint)processorCount, limits.ebx, 0, 0));
    }

    private static kvm_cpuid_entry2 Leaf(uint function, uint eax, uint ebx, uint ecx, uint edx)
        => new() { function = function, eax = eax, ebx = ebx, ecx = ecx, edx = edx };
}
