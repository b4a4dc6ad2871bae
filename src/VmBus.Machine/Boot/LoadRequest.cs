using VmBus.Memory.Guest;

namespace VmBus.Machine.Boot;

/// <summary>What is to be loaded besides the kernel, and where the memory for it is.</summary>
/// <param name="Memory">Guest RAM, all zero where nothing was written yet.</param>
/// <param name="Initrd">The initial RAM disk, or null.</param>
/// <param name="CommandLine">The command line with its terminating zero.</param>
/// <param name="RootPointer">Address of ACPI's RSDP.</param>
/// <param name="Map">The memory map.</param>
internal sealed record LoadRequest(GuestMemory Memory, ImageFile? Initrd, byte[] CommandLine, Gpa RootPointer, IReadOnlyList<E820Entry> Map)
{
    private const ulong PageMask = ~(ulong)(Gpa.PageBytes - 1);

    /// <summary>End of RAM below 4 GiB.</summary>
    internal ulong LowRamEnd => Memory.Regions[0].Bytes;

    /// <summary>Reads the initial RAM disk to the highest page-aligned place below a limit, so that the kernel has room to unpack.</summary>
    /// <param name="kernelEnd">First address that the kernel does not use.</param>
    /// <param name="limit">First address that the kernel cannot reach.</param>
    /// <returns>Where it lies; both 0 without one.</returns>
    /// <exception cref="BootException">It does not fit between, or cannot be read.</exception>
    internal (ulong Start, ulong Bytes) PlaceInitrd(ulong kernelEnd, ulong limit)
    {
        if (Initrd is null || Initrd.Bytes == 0) return (0, 0);
        ulong bytes = (ulong)Initrd.Bytes;
        ulong top = Math.Min(LowRamEnd, limit);
        if (bytes > top || ((top - bytes) & PageMask) < kernelEnd)
        {
            throw new BootException(
                BootError.OutOfMemory,
                $"The initrd '{Initrd.Path}' of {bytes >> 20} MiB does not fit beside the kernel in {Memory.Bytes >> 20} MiB; give the partition more memory.");
        }

        ulong start = (top - bytes) & PageMask;
        Initrd.Read(0, Initrd.Bytes, Memory, new Gpa(start));
        return (start, bytes);
    }

    /// <summary>Writes bytes that the kernel finds at entry.</summary>
    /// <exception cref="BootException">There is no RAM at that address.</exception>
    internal void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        if (!Memory.TryWrite(new Gpa(address), bytes))
            throw new BootException(BootError.OutOfMemory, $"A partition of {Memory.Bytes} bytes is too small to boot; give it more memory.");
    }
}
