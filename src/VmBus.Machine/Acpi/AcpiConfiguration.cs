using VmBus.Memory.Guest;

namespace VmBus.Machine.Acpi;

/// <summary>What the ACPI tables of a partition depend on.</summary>
/// <param name="ProcessorCount">Processors, 1 to 64; their APIC ids are 0 to count - 1 in this order.</param>
/// <param name="MemoryBytes">All RAM in bytes, as <see cref="GuestMemory.Bytes"/>.</param>
/// <param name="PhysicalAddressBits">Width of a guest physical address, from the processor's CPUID leaf 0x80000008.</param>
/// <param name="GrowthEnd">Where RAM that may be added ends at most; 0 for none.</param>
public sealed record AcpiConfiguration(int ProcessorCount, ulong MemoryBytes, int PhysicalAddressBits, ulong GrowthEnd = 0)
{
    /// <summary>Processors that a partition can have: one word of the channel protocol's processor sets.</summary>
    public const int MaximumProcessors = 64;

    /// <summary>Below 4 GiB, first address that VMBus devices may use for their registers.</summary>
    public const ulong LowWindowStart = GuestMemory.LowMemoryEnd;

    /// <summary>Below 4 GiB, end of what VMBus devices may use. What follows is for devices of the machine itself.</summary>
    public const ulong LowWindowEnd = 0xFE00_0000;

    private const ulong GiB = 1UL << 30;
    private const ulong LargestHighWindow = 64 * GiB;

    // Some processors route the last 12 GiB below 1 TiB to their interconnect, so nothing is placed there.
    private const ulong InterconnectHole = 0xFD_0000_0000;

    /// <summary>Whether there is a PCI bus.</summary>
    public bool HasPciBus { get; init; }

    /// <summary>Above RAM: where VMBus devices may use addresses beyond 4 GiB. Zero bytes when the address width leaves no room.</summary>
    /// <remarks>The window lies at the end of the address space, so that hot-added RAM can follow the RAM.</remarks>
    public (ulong Start, ulong Bytes) HighWindow
    {
        get
        {
            ulong space = 1UL << Math.Clamp(PhysicalAddressBits, 32, 52);
            ulong end = space >= 1UL << 40 ? InterconnectHole : space;
            ulong ramEnd = MemoryBytes <= GuestMemory.LowMemoryEnd
                ? GuestMemory.HighMemoryStart
                : GuestMemory.HighMemoryStart + (MemoryBytes - GuestMemory.LowMemoryEnd);
            ramEnd = Math.Max(ramEnd, GrowthEnd);
            ulong start = Math.Max(end - Math.Min(end / 4, LargestHighWindow), (ramEnd + GiB - 1) / GiB * GiB);
            return start < end ? (start, end - start) : (0, 0);
        }
    }
}
