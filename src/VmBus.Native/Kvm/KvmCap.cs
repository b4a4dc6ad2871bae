namespace VmBus.Native.Kvm;

/// <summary>Numbers of the capabilities this code asks for, with the kernel's names. Source: linux/kvm.h.</summary>
internal static class KvmCap
{
    public const int KVM_CAP_IRQCHIP = 0;
    public const int KVM_CAP_USER_MEMORY = 3;
    public const int KVM_CAP_SET_TSS_ADDR = 4;
    public const int KVM_CAP_EXT_CPUID = 7;
    public const int KVM_CAP_NR_MEMSLOTS = 10;
    public const int KVM_CAP_MP_STATE = 14;
    public const int KVM_CAP_IRQ_ROUTING = 25;
    public const int KVM_CAP_IRQFD = 32;
    public const int KVM_CAP_PIT2 = 33;
    public const int KVM_CAP_SET_IDENTITY_MAP_ADDR = 37;
    public const int KVM_CAP_HYPERV = 44;
    public const int KVM_CAP_HYPERV_VAPIC = 45;
    public const int KVM_CAP_ENABLE_CAP = 54;
    public const int KVM_CAP_MAX_VCPUS = 66;
    public const int KVM_CAP_TSC_DEADLINE_TIMER = 72;
    public const int KVM_CAP_IRQFD_RESAMPLE = 82;
    public const int KVM_CAP_ENABLE_CAP_VM = 98;
    public const int KVM_CAP_IMMEDIATE_EXIT = 136;
    public const int KVM_CAP_HYPERV_SYNIC2 = 148;
    public const int KVM_CAP_HYPERV_VP_INDEX = 149;
    public const int KVM_CAP_HYPERV_EVENTFD = 154;
    public const int KVM_CAP_HYPERV_TLBFLUSH = 155;
    public const int KVM_CAP_HYPERV_SEND_IPI = 161;
    public const int KVM_CAP_X86_USER_SPACE_MSR = 188;
    public const int KVM_CAP_X86_MSR_FILTER = 189;
    public const int KVM_CAP_SYS_HYPERV_CPUID = 191;
    public const int KVM_CAP_BINARY_STATS_FD = 203;
}
