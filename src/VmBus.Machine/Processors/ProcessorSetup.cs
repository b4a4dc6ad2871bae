using VmBus.Native.Kvm;

namespace VmBus.Machine.Processors;

/// <summary>Brings a vCPU to the state in which firmware would hand it over.</summary>
/// <remarks>Source: Intel SDM volume 3, chapters 3 (segments), 10 (local APIC), 11 (memory types); Linux Documentation/arch/x86/boot.rst.</remarks>
internal static class ProcessorSetup
{
    private const uint HvVpIndexMsr = 0x4000_0002;
    private const uint HvSynicControlMsr = 0x4000_0080;
    private const uint MiscEnableMsr = 0x1A0;
    private const uint PageAttributeMsr = 0x277;
    private const uint MemoryTypeMsr = 0x2FF;

    private const ulong FastStrings = 1;
    private const ulong PageAttributes = 0x0007_0406_0007_0406;

    // Memory type ranges on, write-back where none applies, no fixed ranges: all RAM is cached from the start.
    private const ulong WriteBackByDefault = 0x806;

    private const int LocalInterrupt0 = 0x350;
    private const int LocalInterrupt1 = 0x360;
    private const uint DeliverExternal = 0x700;
    private const uint DeliverNmi = 0x400;
    private const uint Masked = 0x1_0000;

    private const ulong ProtectedModeCr0 = 0x11;
    private const ulong LongModeCr0 = 0x8005_0033;
    private const ulong PhysicalAddressExtension = 0x20;
    private const ulong LongModeEfer = 0x500;
    private const ulong InitialFlags = 2;

    private const byte CodeType = 0xB;
    private const byte DataType = 3;
    private const byte BusyTaskType = 0xB;
    private const ushort TaskLimit = 0x67;

    /// <summary>What every processor gets: CPUID, the SynIC, MSRs and the local APIC's pins.</summary>
    /// <exception cref="Native.Linux.LinuxException">KVM refused something.</exception>
    internal static void Prepare(KvmVcpu vcpu, int processor, kvm_cpuid_entry2[] cpuid)
    {
        vcpu.SetCpuid(cpuid);
        vcpu.Enable(KvmCap.KVM_CAP_HYPERV_SYNIC2, nameof(KvmCap.KVM_CAP_HYPERV_SYNIC2));
        vcpu.SetMsrs(
        [
            (HvVpIndexMsr, (ulong)processor),

            // KVM starts with the controller on; a reset one is off until the guest has set its pages up.
            (HvSynicControlMsr, 0),
            (MiscEnableMsr, FastStrings),
            (PageAttributeMsr, PageAttributes),
            (MemoryTypeMsr, WriteBackByDefault),
        ]);
        vcpu.SetLocalApic([(LocalInterrupt0, processor == 0 ? DeliverExternal : DeliverExternal | Masked), (LocalInterrupt1, DeliverNmi)]);
    }

    /// <summary>Puts the first processor at the guest's entry point.</summary>
    /// <exception cref="Native.Linux.LinuxException">KVM refused the registers.</exception>
    internal static void Enter(KvmVcpu vcpu, BootState state)
    {
        bool wide = state.Mode == BootMode.Long64;
        kvm_sregs system = vcpu.GetSystemRegisters();
        system.cs = Segment(state.CodeSelector, CodeType, wide);
        kvm_segment data = Segment(state.DataSelector, DataType, wide: false);
        (system.ds, system.es, system.fs, system.gs, system.ss) = (data, data, data, data, data);
        system.tr = new kvm_segment { selector = state.TaskSelector, limit = TaskLimit, type = BusyTaskType, present = 1 };
        system.ldt = new kvm_segment { unusable = 1 };
        system.gdt = Table(state.Gdt);
        system.idt = Table(state.Idt);
        system.cr0 = wide ? LongModeCr0 : ProtectedModeCr0;
        system.cr3 = wide ? state.PageTableRoot : 0;
        system.cr4 = wide ? PhysicalAddressExtension : 0;
        system.efer = wide ? LongModeEfer : 0;
        vcpu.SetSystemRegisters(system);
        vcpu.SetRegisters(new kvm_regs
        {
            rip = state.InstructionPointer,
            rsp = state.StackPointer,
            rbx = state.Rbx,
            rsi = state.Rsi,
            rflags = InitialFlags,
        });
    }

    private static kvm_segment Segment(ushort selector, byte type, bool wide) => new()
    {
        selector = selector,
        limit = uint.MaxValue,
        type = type,
        present = 1,
        s = 1,
        g = 1,
        l = wide ? (byte)1 : (byte)0,
        db = wide ? (byte)0 : (byte)1,
    };

    private static kvm_dtable Table(DescriptorTable table) => new() { @base = table.Base, limit = table.Limit };
}
