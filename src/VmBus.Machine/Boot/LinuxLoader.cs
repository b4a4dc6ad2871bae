using System.Text;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Machine.Boot;

/// <summary>Puts a kernel, its initial RAM disk and what it finds at entry into guest memory.</summary>
/// <remarks>Source: protocol-spec/machine.md#boot.</remarks>
public static class LinuxLoader
{
    /// <summary>Loads everything; called anew for every reset, with zero-filled memory and no vCPU running.</summary>
    /// <param name="memory">Guest RAM; the ACPI tables may be there already.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="initrdPath">The initial RAM disk, or null.</param>
    /// <param name="commandLine">The kernel's command line, without control characters.</param>
    /// <param name="rootPointer">Where ACPI's RSDP lies.</param>
    /// <param name="map">The memory map, usually <see cref="MemoryMap.Build"/>'s.</param>
    /// <param name="openInitrd">The initial RAM disk where it is open already; it stays the caller's.</param>
    /// <returns>How the first processor starts.</returns>
    /// <exception cref="BootException">A file cannot be read, or something does not fit.</exception>
    public static BootState Load(
        GuestMemory memory,
        KernelImage kernel,
        string? initrdPath,
        string commandLine,
        Gpa rootPointer,
        IReadOnlyList<E820Entry> map,
        LinuxFile? openInitrd = null)
    {
        byte[] line = EncodeCommandLine(kernel, commandLine);
        using ImageFile? initrd = initrdPath is null ? null : ImageFile.Open("initrd", initrdPath, openInitrd);
        return kernel.Load(new LoadRequest(memory, initrd, line, rootPointer, map));
    }

    private static byte[] EncodeCommandLine(KernelImage kernel, string commandLine)
    {
        foreach (char character in commandLine)
        {
            if (char.IsControl(character))
                throw new BootException(BootError.BadCommandLine, $"The kernel command line contains the control character 0x{(int)character:x2}; remove it.");
        }

        int bytes = Encoding.UTF8.GetByteCount(commandLine);
        if (bytes > kernel.CommandLineBytes)
        {
            throw new BootException(
                BootError.BadCommandLine,
                $"The kernel command line has {bytes} bytes; the kernel '{kernel.Path}' takes at most {kernel.CommandLineBytes}.");
        }

        byte[] line = new byte[bytes + 1];
        Encoding.UTF8.GetBytes(commandLine, line);
        return line;
    }
}
