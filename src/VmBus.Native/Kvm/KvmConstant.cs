namespace VmBus.Native.Kvm;

/// <summary>Exit reasons, flags and types of KVM's structures, with the kernel's names. Source: linux/kvm.h, asm/kvm.h.</summary>
internal static class KvmConstant
{
    public const int KVM_API_VERSION = 12;

    public const uint KVM_EXIT_IO = 2;
    public const uint KVM_EXIT_MMIO = 6;
    public const uint KVM_EXIT_SHUTDOWN = 8;
    public const uint KVM_EXIT_FAIL_ENTRY = 9;
    public const uint KVM_EXIT_INTR = 10;
    public const uint KVM_EXIT_INTERNAL_ERROR = 17;
    public const uint KVM_EXIT_SYSTEM_EVENT = 24;
    public const uint KVM_EXIT_HYPERV = 27;
    public const uint KVM_EXIT_X86_RDMSR = 29;
    public const uint KVM_EXIT_X86_WRMSR = 30;

    public const byte KVM_EXIT_IO_IN = 0;
    public const byte KVM_EXIT_IO_OUT = 1;

    public const uint KVM_EXIT_HYPERV_SYNIC = 1;
    public const uint KVM_EXIT_HYPERV_HCALL = 2;

    public const uint KVM_SYSTEM_EVENT_SHUTDOWN = 1;
    public const uint KVM_SYSTEM_EVENT_RESET = 2;
    public const uint KVM_SYSTEM_EVENT_CRASH = 3;

    public const uint KVM_INTERNAL_ERROR_EMULATION = 1;
    public const ulong KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES = 1;

    public const uint KVM_IRQ_ROUTING_IRQCHIP = 1;
    public const uint KVM_IRQ_ROUTING_MSI = 2;
    public const uint KVM_IRQ_ROUTING_HV_SINT = 4;
    public const uint KVM_IRQCHIP_PIC_MASTER = 0;
    public const uint KVM_IRQCHIP_PIC_SLAVE = 1;
    public const uint KVM_IRQCHIP_IOAPIC = 2;

    public const uint KVM_CLOCK_REALTIME = 4;
    public const uint KVM_IRQFD_FLAG_DEASSIGN = 1;
    public const uint KVM_IRQFD_FLAG_RESAMPLE = 2;
    public const uint KVM_IOEVENTFD_FLAG_DEASSIGN = 4;
    public const uint KVM_HYPERV_EVENTFD_DEASSIGN = 1;
    public const uint KVM_HYPERV_CONN_ID_MASK = 0x00FFFFFF;
    public const uint KVM_PIT_SPEAKER_DUMMY = 1;

    public const uint KVM_CPUID_FLAG_SIGNIFCANT_INDEX = 1;
    public const uint KVM_MP_STATE_RUNNABLE = 0;

    public const uint KVM_MSR_EXIT_REASON_FILTER = 4;
    public const uint KVM_MSR_FILTER_READ = 1;
    public const uint KVM_MSR_FILTER_WRITE = 2;
    public const uint KVM_MSR_FILTER_DEFAULT_ALLOW = 0;

    public const uint KVM_STATS_TYPE_MASK = 0xF;
    public const uint KVM_STATS_TYPE_CUMULATIVE = 0;
    public const uint KVM_STATS_TYPE_INSTANT = 1;
    public const uint KVM_STATS_TYPE_PEAK = 2;
}
