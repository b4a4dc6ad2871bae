using VmBus.Machine.Acpi;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Machine.Boot;

/// <summary>What a partition boots: the kernel's file, the initial RAM disk's file and the command line.</summary>
/// <remarks>The files are opened and read for every start of the guest, so a kernel that was replaced is used from the next reset on, unless it is open already.</remarks>
/// <param name="KernelPath">A bzImage or an ELF kernel with a PVH entry.</param>
/// <param name="InitrdPath">The initial RAM disk, or null.</param>
/// <param name="CommandLine">The kernel's command line.</param>
public sealed record LinuxBoot(string KernelPath, string? InitrdPath, string CommandLine)
{
    /// <summary>The kernel where it is open already; it stays the caller's.</summary>
    public LinuxFile? OpenKernel { get; init; }

    /// <summary>The initial RAM disk where it is open already; it stays the caller's.</summary>
    public LinuxFile? OpenInitrd { get; init; }

    /// <summary>Fills guest memory that is zero or was never used: ACPI tables, kernel, initial RAM disk, start information.</summary>
    /// <returns>How the first processor starts.</returns>
    /// <exception cref="BootException">A file cannot be read, or something does not fit.</exception>
    public BootState Load(GuestMemory memory, AcpiTables tables)
    {
        using KernelImage kernel = KernelImage.Open(KernelPath, OpenKernel);
        if (!memory.Contains(AcpiTables.Start, AcpiTables.AreaBytes))
            throw new BootException(BootError.OutOfMemory, $"A partition of {memory.Bytes} bytes is too small to boot; give it more memory.");
        tables.WriteTo(memory);
        return LinuxLoader.Load(memory, kernel, InitrdPath, CommandLine, tables.RootPointer, MemoryMap.Build(memory), OpenInitrd);
    }
}
