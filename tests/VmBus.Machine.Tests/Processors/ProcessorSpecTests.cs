using System.Globalization;
using VmBus.Machine.Crash;
using VmBus.Machine.Processors;
using VmBus.Machine.Tests.Guests;
using VmBus.Memory.Guest;
using VmBus.Native.Kvm;
using VmBus.TestKit.Kvm;
using VmBus.TestKit.SpecTables;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace VmBus.Machine.Tests.Processors;

/// <summary>Holds CPUID and MSRs against the tables of protocol-spec/machine.md: the code over made-up hosts, and what guests of a real KVM read.</summary>
public sealed class ProcessorSpecTests
{
    // CR4.OSXSAVE, which the processor shows in leaf 1.
    private const uint OsxsaveEcx = 1 << 27;

    private static readonly CpuidSpec Spec = new();

    public static TheoryData<uint, int, int, bool> Machines => new()
    {
        { 0, 1, 0, false }, { ~0u, 1, 0, true }, { ~0u, 2, 1, false }, { 0xA5C3_96E1, 6, 5, true }, { 0x5A3C_691E, 64, 63, false }, { 0, 3, 2, true },
    };

    /// <summary>Each leaf of the page and its neighbours, with bits that are all clear, all set or mixed: what the page does not name must not change.</summary>
    [Theory]
    [MemberData(nameof(Machines))]
    public void Cpuid_is_what_the_page_makes_of_the_hosts(uint pattern, int count, int id, bool deadline)
    {
        kvm_cpuid_entry2[] supported = [.. Leaves().Select(leaf => Entry(leaf.Function, leaf.Index, pattern))];
        kvm_cpuid_entry2[] hyperV = [.. Enumerable.Range(0, 11).Select(leaf => Entry(0x4000_0000 + (uint)leaf, 0, ~pattern))];

        var built = new SortedDictionary<(uint, uint), uint[]>();
        foreach (kvm_cpuid_entry2 entry in CpuidTable.Build(supported, hyperV, count, id, deadline))
            built.Add((entry.function, entry.index), [entry.eax, entry.ebx, entry.ecx, entry.edx]);

        SortedDictionary<(uint, uint), uint[]> expected = Spec.Apply(supported, hyperV, count, id, deadline);
        Assert.Equal(expected.Select(Describe), built.Select(Describe));
    }

    [Fact]
    public void Crash_registers_start_as_the_page_says()
    {
        using var memory = GuestMemory.Create(1 << 20);
        var registers = new CrashRegisters(memory);
        (uint Msr, string Value)[] rows = [.. Msrs().Where(row => row.Msr >= CrashRegisters.FirstMsr)];
        Assert.Equal(CrashRegisters.MsrCount, rows.Length);
        foreach ((uint msr, string value) in rows)
        {
            Assert.True(registers.TryRead(msr, out ulong read));
            Assert.True(CpuidSpec.Value(value, 1, 0) == read, $"MSR 0x{msr:x} is 0x{read:x}");
        }
    }

    [KvmFact]
    [Trait("Needs", "Kvm")]
    public void Guest_of_a_real_kvm_reads_the_cpuid_of_the_page()
    {
        (uint Leaf, int Index, int Register)[] places = [.. Spec.Places.Where(place => place.Leaf != 4)];
        var program = new GuestProgram();
        foreach ((uint leaf, int index, int register) in places)
        {
            program.Code.mov(eax, leaf);
            program.Code.mov(ecx, index);
            program.Code.cpuid();
            if (register == 1) program.Code.mov(eax, ebx);
            if (register == 2) program.Code.mov(eax, ecx);
            if (register == 3) program.Code.mov(eax, edx);
            program.ReportEax();
        }

        using var machine = GuestMachine.Create(processors: 3);
        machine.Run(program.PowerOff());
        using KvmSystem kvm = KvmSystem.Open();
        bool deadline = kvm.CheckExtension(KvmCap.KVM_CAP_TSC_DEADLINE_TIMER) > 0;
        SortedDictionary<(uint, uint), uint[]> expected = Spec.Apply(kvm.GetSupportedCpuid(), kvm.GetSupportedHvCpuid(), 3, 0, deadline);
        foreach ((uint leaf, int index, int register) in places)
        {
            uint read = machine.NextReport();
            // KVM answers a leaf that is not there like another one.
            if (!expected.TryGetValue((leaf, (uint)index), out uint[]? values)) continue;
            uint ignored = leaf == 1 && register == 2 ? OsxsaveEcx : 0;
            Assert.True((values[register] & ~ignored) == (read & ~ignored), $"leaf 0x{leaf:x}.{index} register {register} is 0x{read:x}, not 0x{values[register]:x}");
        }
    }

    [KvmFact]
    [Trait("Needs", "Kvm")]
    public void Guest_of_a_real_kvm_reads_the_msrs_of_the_page()
    {
        (uint Msr, string Value)[] rows = [.. Msrs()];
        var program = new GuestProgram();
        foreach ((uint msr, _) in rows)
        {
            program.Code.mov(ecx, msr);
            program.Code.rdmsr();
            program.Code.mov(esi, edx);
            program.ReportEax();
            program.Code.mov(eax, esi);
            program.ReportEax();
        }

        using var machine = GuestMachine.Create(processors: 2);
        foreach ((uint msr, string value) in rows.Where(row => row.Msr < CrashRegisters.FirstMsr))
        {
            Assert.True(machine.Machine.Processors[1].Vcpu.TryGetMsr(msr, out ulong second));
            Assert.True(CpuidSpec.Value(value, 2, 1) == second, $"MSR 0x{msr:x} of the second processor is 0x{second:x}");
        }

        machine.Run(program.PowerOff());
        foreach ((uint msr, string value) in rows)
        {
            ulong read = machine.NextReport() | ((ulong)machine.NextReport() << 32);
            Assert.True(CpuidSpec.Value(value, 2, 0) == read, $"MSR 0x{msr:x} is 0x{read:x}");
        }
    }

    private static IEnumerable<(uint Msr, string Value)> Msrs()
    {
        SpecTable table = SpecPage.Load("machine.md").Table("msrs");
        for (int row = 0; row < table.RowCount; row++)
        {
            for (uint i = 0; i < table.Number(row, "count"); i++) yield return ((uint)table.Number(row, "first") + i, table.Cell(row, "value"));
        }
    }

    // Every leaf that the page or the code could name, and some that they do not.
    private static IEnumerable<(uint Function, uint Index)> Leaves()
    {
        for (uint leaf = 0; leaf < 0x24; leaf++)
        {
            for (uint index = 0; index < (leaf is 4 or 7 or 0xB or 0xD ? 4u : 1u); index++) yield return (leaf, index);
        }

        for (uint leaf = 0x4000_0000; leaf < 0x4000_000B; leaf++) yield return (leaf, 0);
        yield return (0x4000_0100, 0);
        for (uint leaf = 0x8000_0000; leaf < 0x8000_0029; leaf++) yield return (leaf, 0);
    }

    private static kvm_cpuid_entry2 Entry(uint function, uint index, uint pattern) => new()
    {
        function = function,
        index = index,
        // The caches of leaf 4 are of different levels, one is none.
        eax = function == 4 ? (pattern & ~0xFFu) | (index << 5) | (index == 0 ? 0 : 1u) : pattern,
        ebx = pattern ^ 0x1111_1111,
        ecx = pattern ^ 0x2222_2222,
        edx = pattern ^ 0x4444_4444,
    };

    private static string Describe(KeyValuePair<(uint Leaf, uint Index), uint[]> entry) => string.Create(
        CultureInfo.InvariantCulture,
        $"{entry.Key.Leaf:x}.{entry.Key.Index}: {entry.Value[0]:x8} {entry.Value[1]:x8} {entry.Value[2]:x8} {entry.Value[3]:x8}");
}
