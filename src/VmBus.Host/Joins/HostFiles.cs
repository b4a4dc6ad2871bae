using VmBus.Host.Devices;
using VmBus.Machine;
using VmBus.Machine.Boot;
using VmBus.Native.Linux;

namespace VmBus.Host.Joins;

/// <summary>What every machine of a partition is made with: KVM, and the kernel and initial RAM disk where they were given and not only named.</summary>
internal sealed class HostFiles : IDisposable
{
    private KvmHost? _kvm;

    private HostFiles(LinuxFile? kernel, LinuxFile? initrd)
    {
        Kernel = kernel;
        Initrd = initrd;
    }

    /// <summary>The host's KVM, after <see cref="OpenKvm"/>.</summary>
    public KvmHost Kvm => _kvm!;

    /// <summary>The kernel; null where it is opened by its path.</summary>
    public LinuxFile? Kernel { get; }

    /// <summary>The initial RAM disk; null where it is opened by its path, or there is none.</summary>
    public LinuxFile? Initrd { get; }

    /// <summary>Takes the files, and checks the kernel.</summary>
    /// <exception cref="IOException">A file is missing, or is not what it should be.</exception>
    public static HostFiles Open(PartitionOptions options)
    {
        LinuxFile? kernel = options.Devices.TakeFile(options.Kernel);
        try
        {
            KernelImage.Open(options.Kernel, kernel).Dispose();
            return new HostFiles(kernel, options.Initrd is { } initrd ? options.Devices.TakeFile(initrd) : null);
        }
        catch
        {
            kernel?.Dispose();
            throw;
        }
    }

    /// <summary>Opens KVM.</summary>
    /// <exception cref="KvmUnavailableException">Partitions cannot run here.</exception>
    public void OpenKvm(IDeviceOpener devices)
    {
        _kvm = devices.OpenKvm();
        _kvm.ThrowIfIncomplete();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kernel?.Dispose();
        Initrd?.Dispose();
        _kvm?.Dispose();
    }
}
