using VmBus.Memory.Guest;

namespace VmBus.Machine.Boot;

/// <summary>Which guest addresses are RAM, as boot protocols tell it, and where the loader puts what the kernel finds at entry.</summary>
/// <remarks>Source: protocol-spec/machine.md#memory.</remarks>
public static class MemoryMap
{
    /// <summary>Where usable RAM below 1 MiB ends: what follows is a PC's BIOS data, option ROMs and BIOS; the ACPI tables lie there.</summary>
    public const ulong LowUsableEnd = 0x9_FC00;

    /// <summary>1 MiB: where kernels may be loaded from.</summary>
    public const ulong HighStart = 0x10_0000;

    internal const ulong Gdt = 0x1000;
    internal const ulong ZeroPage = 0x2000;
    internal const ulong StartInfo = 0x2000;
    internal const ulong PageTables = 0x4000;
    internal const ulong CommandLine = 0x2_0000;

    /// <summary>Room for the command line and its zero.</summary>
    internal const int CommandLineArea = 0x1_0000;

    /// <summary>The map of a partition's RAM in address order.</summary>
    public static IReadOnlyList<E820Entry> Build(GuestMemory memory)
    {
        var map = new List<E820Entry>();
        foreach (MemoryRegion region in memory.Regions)
        {
            ulong start = region.Start.Value;
            ulong end = start + region.Bytes;
            if (start == 0)
            {
                map.Add(new E820Entry(0, Math.Min(LowUsableEnd, end), E820Type.Usable));
                map.Add(new E820Entry(LowUsableEnd, HighStart - LowUsableEnd, E820Type.Reserved));
                start = HighStart;
            }

            if (end > start) map.Add(new E820Entry(start, end - start, E820Type.Usable));
        }

        return map;
    }
}
