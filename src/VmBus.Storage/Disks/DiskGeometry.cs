namespace VmBus.Storage.Disks;

/// <summary>The size of a disk and the units it is addressed in.</summary>
/// <param name="Bytes">Capacity, a multiple of <paramref name="LogicalSectorBytes"/>.</param>
/// <param name="LogicalSectorBytes">Unit of addresses: 512, 2048 (ISO images) or 4096.</param>
/// <param name="PhysicalSectorBytes">Unit the medium writes without reading first; at least the logical sector.</param>
public readonly record struct DiskGeometry(long Bytes, int LogicalSectorBytes, int PhysicalSectorBytes)
{
    /// <summary>Capacity in logical sectors.</summary>
    public long SectorCount => Bytes / LogicalSectorBytes;
}
