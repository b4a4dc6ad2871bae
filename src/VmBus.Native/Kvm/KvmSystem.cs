using System.Runtime.InteropServices;
using VmBus.Native.Linux;

namespace VmBus.Native.Kvm;

/// <summary>/dev/kvm: what the host offers, and where VMs come from.</summary>
internal sealed partial class KvmSystem : KvmDescriptor
{
    internal const string Path = "/dev/kvm";

    private const int O_RDWR = 2;
    private const int O_CLOEXEC = 0x80000;

    // What one query may return; KVM knows about 100 leaves, and answers E2BIG when the list does not fit.
    private const int MaximumCpuidEntries = 512;

    private KvmSystem(int descriptor)
        : base(descriptor)
    {
    }

    /// <summary>Opens /dev/kvm.</summary>
    /// <exception cref="LinuxException">There is none (ENOENT, ENODEV, ENXIO) or this user may not open it (EACCES, EPERM).</exception>
    internal static KvmSystem Open()
    {
        int descriptor = open(Path, O_RDWR | O_CLOEXEC);
        return descriptor >= 0 ? new KvmSystem(descriptor) : throw new LinuxException($"Opening {Path} failed", Marshal.GetLastPInvokeError());
    }

    /// <summary>Takes over /dev/kvm that another process, or this one, has opened.</summary>
    internal static KvmSystem Take(LinuxFile file) => new(file.Release());

    /// <summary>The API version; 12 since 2007.</summary>
    internal int ApiVersion => Call(KvmRequest.KVM_GET_API_VERSION, 0);

    /// <summary>What KVM_CHECK_EXTENSION answers: 0 for absent, else 1 or a number.</summary>
    internal int CheckExtension(int capability) => Math.Max(0, Call(KvmRequest.KVM_CHECK_EXTENSION, capability));

    /// <summary>Creates a VM.</summary>
    /// <exception cref="LinuxException">The kernel refused, for example because the processor's virtualization is in use or off.</exception>
    internal KvmVm CreateVm()
    {
        int runBytes = CallOrThrow(KvmRequest.KVM_GET_VCPU_MMAP_SIZE, 0, "Asking KVM for the size of a vCPU's page failed");
        return new KvmVm(CallOrThrow(KvmRequest.KVM_CREATE_VM, 0, "Creating a VM (KVM_CREATE_VM) failed"), runBytes);
    }

    /// <summary>Every CPUID leaf that KVM can show to a guest on this processor.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal kvm_cpuid_entry2[] GetSupportedCpuid() => GetCpuid(KvmRequest.KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID");

    /// <summary>The Hyper-V leaves that KVM implements.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal kvm_cpuid_entry2[] GetSupportedHvCpuid() => GetCpuid(KvmRequest.KVM_GET_SUPPORTED_HV_CPUID, "KVM_GET_SUPPORTED_HV_CPUID");

    private kvm_cpuid_entry2[] GetCpuid(uint request, string name)
    {
        var entries = new kvm_cpuid_entry2[MaximumCpuidEntries];
        int result = CallWithList(request, entries, out int count);
        if (result < 0) throw new LinuxException($"Asking KVM for its CPUID leaves ({name}) failed", -result);
        return entries[..count];
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);
}
