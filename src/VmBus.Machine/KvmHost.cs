using VmBus.Native.Kvm;
using VmBus.Native.Linux;

namespace VmBus.Machine;

/// <summary>The host's KVM: what it offers a partition, and what it lacks.</summary>
/// <remarks>Any thread. Nothing is created on the host. Source: Linux Documentation/virt/kvm/api.rst.</remarks>
public sealed class KvmHost : IDisposable
{
    private const string ClockSourceFile = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

    private static readonly (int Number, string Name, bool Needed, string Purpose)[] Wanted =
    [
        (KvmCap.KVM_CAP_USER_MEMORY, nameof(KvmCap.KVM_CAP_USER_MEMORY), true, "give the guest its memory"),
        (KvmCap.KVM_CAP_IRQCHIP, nameof(KvmCap.KVM_CAP_IRQCHIP), true, "emulate interrupt controllers in the kernel"),
        (KvmCap.KVM_CAP_PIT2, nameof(KvmCap.KVM_CAP_PIT2), true, "emulate the interval timer in the kernel"),
        (KvmCap.KVM_CAP_SET_TSS_ADDR, nameof(KvmCap.KVM_CAP_SET_TSS_ADDR), true, "start processors in real mode"),
        (KvmCap.KVM_CAP_SET_IDENTITY_MAP_ADDR, nameof(KvmCap.KVM_CAP_SET_IDENTITY_MAP_ADDR), true, "start processors in real mode"),
        (KvmCap.KVM_CAP_EXT_CPUID, nameof(KvmCap.KVM_CAP_EXT_CPUID), true, "show the guest a Hyper-V processor"),
        (KvmCap.KVM_CAP_ENABLE_CAP, nameof(KvmCap.KVM_CAP_ENABLE_CAP), true, "switch on what a processor needs"),
        (KvmCap.KVM_CAP_IMMEDIATE_EXIT, nameof(KvmCap.KVM_CAP_IMMEDIATE_EXIT), true, "stop a processor reliably"),
        (KvmCap.KVM_CAP_IRQ_ROUTING, nameof(KvmCap.KVM_CAP_IRQ_ROUTING), true, "route synthetic interrupts"),
        (KvmCap.KVM_CAP_IRQFD, nameof(KvmCap.KVM_CAP_IRQFD), true, "interrupt the guest without a system call per processor"),
        (KvmCap.KVM_CAP_IRQFD_RESAMPLE, nameof(KvmCap.KVM_CAP_IRQFD_RESAMPLE), true, "learn when the guest has taken a message"),
        (KvmCap.KVM_CAP_ENABLE_CAP_VM, nameof(KvmCap.KVM_CAP_ENABLE_CAP_VM), true, "receive the guest's crash reports"),
        (KvmCap.KVM_CAP_X86_USER_SPACE_MSR, nameof(KvmCap.KVM_CAP_X86_USER_SPACE_MSR), true, "see when the guest masks its interrupt"),
        (KvmCap.KVM_CAP_X86_MSR_FILTER, nameof(KvmCap.KVM_CAP_X86_MSR_FILTER), true, "see when the guest masks its interrupt"),
        (KvmCap.KVM_CAP_HYPERV, nameof(KvmCap.KVM_CAP_HYPERV), true, "answer Hyper-V's hypercalls and registers"),
        (KvmCap.KVM_CAP_SYS_HYPERV_CPUID, nameof(KvmCap.KVM_CAP_SYS_HYPERV_CPUID), true, "learn which Hyper-V features the kernel implements"),
        (KvmCap.KVM_CAP_HYPERV_VP_INDEX, nameof(KvmCap.KVM_CAP_HYPERV_VP_INDEX), true, "number the virtual processors"),
        (KvmCap.KVM_CAP_HYPERV_SYNIC2, nameof(KvmCap.KVM_CAP_HYPERV_SYNIC2), true, "emulate Hyper-V's synthetic interrupt controller"),
        (KvmCap.KVM_CAP_HYPERV_EVENTFD, nameof(KvmCap.KVM_CAP_HYPERV_EVENTFD), true, "take the guest's signals without leaving the kernel"),
        (KvmCap.KVM_CAP_HYPERV_VAPIC, nameof(KvmCap.KVM_CAP_HYPERV_VAPIC), false, "end interrupts without an exit"),
        (KvmCap.KVM_CAP_HYPERV_TLBFLUSH, nameof(KvmCap.KVM_CAP_HYPERV_TLBFLUSH), false, "flush other processors' address translations in one hypercall"),
        (KvmCap.KVM_CAP_HYPERV_SEND_IPI, nameof(KvmCap.KVM_CAP_HYPERV_SEND_IPI), false, "interrupt many processors in one hypercall"),
        (KvmCap.KVM_CAP_TSC_DEADLINE_TIMER, nameof(KvmCap.KVM_CAP_TSC_DEADLINE_TIMER), false, "give the guest a cheap timer"),
        (KvmCap.KVM_CAP_BINARY_STATS_FD, nameof(KvmCap.KVM_CAP_BINARY_STATS_FD), false, "count exits"),
    ];

    private KvmHost(KvmSystem system)
    {
        System = system;
        MaximumProcessors = Math.Max(1, system.CheckExtension(KvmCap.KVM_CAP_MAX_VCPUS));
        List<KvmCapability> capabilities =
            [.. Wanted.Select(w => new KvmCapability(w.Name, system.CheckExtension(w.Number) > 0, w.Needed, w.Purpose))];
        capabilities.Add(new KvmCapability(
            "clocksource tsc", HasTscClock(), Needed: false,
            "let the guest read its clock without an exit (boot the host with tsc=reliable if its TSC is sound)"));
        Capabilities = capabilities;
        Missing = Describe(capabilities);
    }

    /// <summary>Everything a partition may want, needed things first.</summary>
    public IReadOnlyList<KvmCapability> Capabilities { get; }

    /// <summary>One sentence that names what is needed and missing, or null when a partition can run.</summary>
    public string? Missing { get; }

    /// <summary>How many virtual processors one partition can have here.</summary>
    public int MaximumProcessors { get; }

    internal KvmSystem System { get; }

    /// <summary>Opens /dev/kvm.</summary>
    /// <exception cref="KvmUnavailableException">There is none, this user may not open it, or it is not KVM.</exception>
    public static KvmHost Open()
    {
        KvmSystem system;
        try
        {
            system = KvmSystem.Open();
        }
        catch (LinuxException e)
        {
            throw e.Errno switch
            {
                Errno.EACCES or Errno.EPERM => new KvmUnavailableException(
                    KvmUnavailableReason.NoPermission,
                    $"This user may not open {KvmSystem.Path}: join the group that owns it (usually kvm) or run as root.", e),
                Errno.ENOENT or Errno.ENODEV or Errno.ENXIO => new KvmUnavailableException(
                    KvmUnavailableReason.NoDevice,
                    $"There is no {KvmSystem.Path}: enable virtualization in the firmware (or nesting in the hypervisor below) "
                    + "and load kvm_intel or kvm_amd.", e),
                _ => new KvmUnavailableException(KvmUnavailableReason.Refused, e.Message + ".", e),
            };
        }

        return Check(system);
    }

    /// <summary>Takes over /dev/kvm that is open already, in whichever process.</summary>
    /// <exception cref="KvmUnavailableException">It is not KVM.</exception>
    public static KvmHost Take(LinuxFile file) => Check(KvmSystem.Take(file));

    private static KvmHost Check(KvmSystem system)
    {
        if (system.ApiVersion == KvmConstant.KVM_API_VERSION) return new KvmHost(system);
        system.Dispose();
        throw new KvmUnavailableException(
            KvmUnavailableReason.Refused, $"{KvmSystem.Path} does not speak version {KvmConstant.KVM_API_VERSION} of KVM's interface.");
    }

    /// <summary>Passes when a partition can run here.</summary>
    /// <exception cref="KvmUnavailableException">Something needed is missing; the message is <see cref="Missing"/>.</exception>
    public void ThrowIfIncomplete()
    {
        if (Missing is not null) throw new KvmUnavailableException(KvmUnavailableReason.MissingCapability, Missing);
    }

    /// <inheritdoc/>
    public void Dispose() => System.Dispose();

    /// <summary>One sentence about what is needed and absent, or null.</summary>
    internal static string? Describe(IReadOnlyList<KvmCapability> capabilities)
    {
        KvmCapability[] missing = [.. capabilities.Where(c => c is { Needed: true, Present: false })];
        if (missing.Length == 0) return null;
        string hint = Array.Exists(missing, c => c.Name.StartsWith("KVM_CAP_HYPERV", StringComparison.Ordinal))
            ? " (a kernel with CONFIG_KVM_HYPERV has it)"
            : string.Empty;
        string others = missing.Length == 1 ? string.Empty : $"; also missing: {string.Join(", ", missing.Skip(1).Select(c => c.Name))}";
        return $"This host's KVM lacks {missing[0].Name}, needed to {missing[0].Purpose}{hint}{others}.";
    }

    private static bool HasTscClock()
    {
        try
        {
            return string.Equals(File.ReadAllText(ClockSourceFile).Trim(), "tsc", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
