using VmBus.Machine.Processors;
using VmBus.Native.Kvm;
using Xunit;

namespace VmBus.Machine.Tests.Processors;

/// <summary>What guests must and must not find in CPUID. The Hyper-V input is what KVM of Linux 6.1 offers.</summary>
public sealed class CpuidTableTests
{
    private static readonly kvm_cpuid_entry2[] HyperV =
    [
        Entry(0x4000_0000, 0x4000_0082, 0x756E_694C, 0x564B_2078, 0x7648_204D),
        Entry(0x4000_0001, 0x3123_7648),
        Entry(0x4000_0002, 0x3839, 0xA_0000),
        Entry(0x4000_0003, 0x2AFF, 0x830, 0, 0x8_0D12),
        Entry(0x4000_0004, 0x4_0E2C, 0xFFF),
        Entry(0x4000_0005, 0x400, 0x40),
        Entry(0x4000_000A, 0x8_0000, 1),
        Entry(0x4000_0080, 0x4000_0082),
    ];

    private static readonly kvm_cpuid_entry2[] Host =
    [
        Entry(0, 0x20, 1, 2, 3),
        Entry(1, 0x806F8, 0x0710_0800, 0x0000_0060 | (1u << 24), 0),
        Entry(4, 0x1C00_4121),
        Entry(4, 0x1C03_C163, index: 3),
        Entry(6, 0xFFFF, 1, 1, 1),
        Entry(0xB, 1, 2, 0x100, 7),
        Entry(0x1F, 1, 2, 0x100, 7),
        Entry(0x4000_0000, 0x4000_0001, 0x4B4D_564B, 0x564B_4D56, 0x4D),
        Entry(0x4000_0001, 0x100_7EFB),
        Entry(0x4000_0100, 0x4000_0101, 0x4B4D_564B),
        Entry(0x8000_0001, 0, 0, (1 << 2) | (1 << 22) | 1),
        Entry(0x8000_0008, 0x3028, 0, 0x300F),
        Entry(0x8000_000A, 1, 1, 1, 1),
        Entry(0x8000_001E, 7, 7, 7),
        Entry(0x8000_001F, 0xF),
    ];

    [Fact]
    public void Hyper_v_leaves_are_exact()
    {
        kvm_cpuid_entry2[] table = Build(4, 0);
        Assert.Equal((0x4000_0005u, 0x7263_694Du, 0x666F_736Fu, 0x7648_2074u), Registers(table, 0x4000_0000));
        Assert.Equal((0x3123_7648u, 0u, 0u, 0u), Registers(table, 0x4000_0001));
        Assert.Equal((0x3839u, 0xA_0000u, 0u, 0u), Registers(table, 0x4000_0002));
        Assert.Equal((0x0AFFu, 0x30u, 0u, 0x8_0510u), Registers(table, 0x4000_0003));
        Assert.Equal((0xE2Cu, 0xFFFu, 0u, 0u), Registers(table, 0x4000_0004));
        Assert.Equal((4u, 0x40u, 0u, 0u), Registers(table, 0x4000_0005));
        Assert.Equal(6, table.Count(e => e.function is >= 0x4000_0000 and <= 0x4FFF_FFFF));
    }

    [Fact]
    public void Bits_that_a_newer_kernel_adds_stay_hidden()
    {
        kvm_cpuid_entry2[] newer = [.. HyperV.Select(e => e.function == 0x4000_0003 ? Entry(e.function, ~0u, ~0u, ~0u, ~0u) : e)];
        Assert.Equal((0x0AFFu, 0x30u, 0u, 0x8_0510u), Registers(CpuidTable.Build(Host, newer, 1, 0, true), 0x4000_0003));
    }

    [Fact]
    public void Extended_hypercalls_are_shown_when_they_are_wanted_and_there()
    {
        kvm_cpuid_entry2[] newer = [.. HyperV.Select(e => e.function == 0x4000_0003 ? Entry(e.function, ~0u, ~0u, ~0u, ~0u) : e)];
        Assert.Equal(0x10_0030u, Registers(CpuidTable.Build(Host, newer, 1, 0, true, extendedHypercalls: true), 0x4000_0003).Ebx);
        Assert.Equal(0x30u, Registers(CpuidTable.Build(Host, HyperV, 1, 0, true, extendedHypercalls: true), 0x4000_0003).Ebx);
    }

    [Fact]
    public void Processor_numbers_itself_and_counts_the_others()
    {
        kvm_cpuid_entry2[] table = Build(6, 5);
        Assert.Equal(0x0506_0800u, Registers(table, 1).Ebx);
        Assert.Equal(1u << 28, Registers(table, 1).Edx & (1 << 28));
        Assert.Equal((0u, 1u, 0x100u, 5u), Registers(table, 0xB, 0));
        Assert.Equal((3u, 6u, 0x201u, 5u), Registers(table, 0xB, 1));
        Assert.Equal((0u, 0u, 2u, 5u), Registers(table, 0xB, 2));
        Assert.Equal(0x3005u, Registers(table, 0x8000_0008).Ecx);
        Assert.Equal(7u << 26, Registers(table, 4).Eax & (0x3Fu << 26));
        Assert.Equal(0u, (Registers(table, 4).Eax >> 14) & 0xFFF);
        Assert.Equal(7u, (Registers(table, 4, 3).Eax >> 14) & 0xFFF);
    }

    [Fact]
    public void One_processor_has_no_siblings()
    {
        kvm_cpuid_entry2[] table = Build(1, 0);
        Assert.Equal(0u, Registers(table, 1).Edx & (1 << 28));
        Assert.Equal((0u, 1u, 0x201u, 0u), Registers(table, 0xB, 1));
        Assert.Equal(0u, Registers(table, 4, 3).Eax >> 14);
    }

    [Fact]
    public void Nested_virtualization_and_the_hosts_topology_are_hidden()
    {
        kvm_cpuid_entry2[] table = Build(2, 0);
        Assert.Equal(0u, Registers(table, 1).Ecx & ((1 << 5) | (1 << 6)));
        Assert.Equal(1u, Registers(table, 0x8000_0001).Ecx);
        Assert.Equal((0u, 0u, 0u, 0u), Registers(table, 0x8000_000A));
        Assert.Equal((0u, 0u, 0u, 0u), Registers(table, 0x8000_001F));
        Assert.DoesNotContain(table, e => e.function is 0x1F or 0x8000_001E or 0x4000_0100);
    }

    [Theory]
    [InlineData(true, 1u << 24)]
    [InlineData(false, 0u)]
    public void Timer_and_hypervisor_bits_are_the_machines(bool deadline, uint expected)
    {
        kvm_cpuid_entry2[] table = CpuidTable.Build(Host, HyperV, 1, 0, deadline);
        Assert.Equal(expected, Registers(table, 1).Ecx & (1 << 24));
        Assert.NotEqual(0u, Registers(table, 1).Ecx & (1u << 31));
        Assert.Equal((4u, 0u, 0u, 0u), Registers(table, 6));
    }

    [Fact]
    public void No_topology_leaf_appears_on_a_host_without_one()
        => Assert.DoesNotContain(CpuidTable.Build([.. Host.Where(e => e.function != 0xB)], HyperV, 2, 0, true), e => e.function == 0xB);

    private static kvm_cpuid_entry2[] Build(int count, int processor) => CpuidTable.Build(Host, HyperV, count, processor, tscDeadline: true);

    private static (uint Eax, uint Ebx, uint Ecx, uint Edx) Registers(kvm_cpuid_entry2[] table, uint function, uint index = 0)
    {
        kvm_cpuid_entry2 entry = Assert.Single(table, e => e.function == function && e.index == index);
        return (entry.eax, entry.ebx, entry.ecx, entry.edx);
    }

    private static kvm_cpuid_entry2 Entry(uint function, uint eax, uint ebx = 0, uint ecx = 0, uint edx = 0, uint index = 0)
        => new() { function = function, index = index, eax = eax, ebx = ebx, ecx = ecx, edx = edx };
}
