namespace VmBus.Native.Kvm;

/// <summary>Request numbers of KVM's ioctls, with the kernel's names. Source: linux/kvm.h.</summary>
internal static class KvmRequest
{
    // On /dev/kvm.
    public const uint KVM_GET_API_VERSION = 0xAE00;
    public const uint KVM_CREATE_VM = 0xAE01;
    public const uint KVM_CHECK_EXTENSION = 0xAE03;
    public const uint KVM_GET_VCPU_MMAP_SIZE = 0xAE04;
    public const uint KVM_GET_SUPPORTED_CPUID = 0xC008AE05;
    public const uint KVM_GET_SUPPORTED_HV_CPUID = 0xC008AEC1;

    // On a VM.
    public const uint KVM_CREATE_VCPU = 0xAE41;
    public const uint KVM_SET_USER_MEMORY_REGION = 0x4020AE46;
    public const uint KVM_SET_TSS_ADDR = 0xAE47;
    public const uint KVM_SET_IDENTITY_MAP_ADDR = 0x4008AE48;
    public const uint KVM_CREATE_IRQCHIP = 0xAE60;
    public const uint KVM_IRQ_LINE = 0x4008AE61;
    public const uint KVM_SET_GSI_ROUTING = 0x4008AE6A;
    public const uint KVM_IRQFD = 0x4020AE76;
    public const uint KVM_IOEVENTFD = 0x4040AE79;
    public const uint KVM_CREATE_PIT2 = 0x4040AE77;
    public const uint KVM_GET_CLOCK = 0x8030AE7C;
    public const uint KVM_HYPERV_EVENTFD = 0x4018AEBD;
    public const uint KVM_X86_SET_MSR_FILTER = 0x4188AEC6;

    // On a VM or a vCPU.
    public const uint KVM_ENABLE_CAP = 0x4068AEA3;
    public const uint KVM_GET_STATS_FD = 0xAECE;

    // On a vCPU.
    public const uint KVM_RUN = 0xAE80;
    public const uint KVM_GET_REGS = 0x8090AE81;
    public const uint KVM_SET_REGS = 0x4090AE82;
    public const uint KVM_GET_SREGS = 0x8138AE83;
    public const uint KVM_SET_SREGS = 0x4138AE84;
    public const uint KVM_TRANSLATE = 0xC018AE85;
    public const uint KVM_GET_MSRS = 0xC008AE88;
    public const uint KVM_SET_MSRS = 0x4008AE89;
    public const uint KVM_GET_LAPIC = 0x8400AE8E;
    public const uint KVM_SET_LAPIC = 0x4400AE8F;
    public const uint KVM_SET_CPUID2 = 0x4008AE90;
    public const uint KVM_GET_MP_STATE = 0x8004AE98;
    public const uint KVM_SET_MP_STATE = 0x4004AE99;
}
