using System.Text;
using VmBus.Native.Kvm;
using Xunit;

namespace VmBus.Native.Tests.Kvm;

/// <summary>
/// Holds our copies of KVM's structures and numbers against linux/kvm.h: a C compiler checks an assertion for every size, offset and constant.
/// </summary>
public sealed class KernelHeaderTests
{
    private const string Headers = "#include <stddef.h>\n#include <linux/kvm.h>\n";

    private static readonly (string Path, int Offset)[] RunPageFields =
    [
        ("immediate_exit", 1), ("exit_reason", 8), ("io.direction", 32), ("io.size", 33), ("io.port", 34), ("io.count", 36), ("io.data_offset", 40),
        ("mmio.phys_addr", 32), ("mmio.data", 40), ("mmio.len", 48), ("mmio.is_write", 52), ("fail_entry.hardware_entry_failure_reason", 32),
        ("internal.suberror", 32), ("internal.ndata", 36), ("emulation_failure.flags", 40), ("emulation_failure.insn_size", 48),
        ("emulation_failure.insn_bytes", 49), ("system_event.type", 32), ("hyperv.type", 32), ("hyperv.u.synic.msr", 40),
        ("hyperv.u.synic.control", 48), ("hyperv.u.synic.evt_page", 56), ("hyperv.u.synic.msg_page", 64), ("hyperv.u.hcall.input", 40),
        ("hyperv.u.hcall.result", 48), ("hyperv.u.hcall.params", 56), ("msr.error", 32), ("msr.reason", 40), ("msr.index", 44), ("msr.data", 48),
    ];

    // Our names for what the kernel's structure keeps in a union.
    private static readonly Dictionary<string, string> KernelNames = new(StringComparer.Ordinal)
    {
        ["kvm_irq_routing_entry.first"] = "u.irqchip.irqchip",
        ["kvm_irq_routing_entry.second"] = "u.hv_sint.sint",
    };

    [CompilerFact]
    public void Structures_have_the_kernels_sizes_and_offsets()
    {
        var source = new StringBuilder();
        Type[] structures = [.. typeof(kvm_regs).Assembly.GetTypes().Where(t => t.IsValueType && t.Name.StartsWith("kvm_", StringComparison.Ordinal))];
        Assert.True(structures.Length > 15);
        foreach (Type structure in structures) CHeader.CheckStructure(source, structure, structure.Name, KernelNames);
        CHeader.Compile(Headers, source.ToString());
    }

    [CompilerFact]
    public void Run_page_has_the_kernels_offsets()
    {
        var source = new StringBuilder();
        foreach ((string path, int offset) in RunPageFields) CHeader.Check(source, $"offsetof(struct kvm_run, {path})", offset);
        CHeader.Compile(Headers, source.ToString());
    }

    [CompilerFact]
    public void Numbers_are_the_kernels()
    {
        var source = new StringBuilder();
        foreach (Type holder in new[] { typeof(KvmRequest), typeof(KvmCap), typeof(KvmConstant) })
            Assert.True(CHeader.CheckConstants(source, holder, "KVM_") > 0);
        CHeader.Compile(Headers, source.ToString());
    }

    [CompilerFact]
    public void Wrong_number_is_found()
        => Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => CHeader.Compile(Headers, "_Static_assert(KVM_API_VERSION == 13, \"KVM_API_VERSION\");"));
}
