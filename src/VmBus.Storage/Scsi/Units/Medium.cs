using System.Numerics;
using VmBus.Storage.Disks;

namespace VmBus.Storage.Scsi.Units;

/// <summary>A disk's size and limits in the blocks of a logical unit: an immutable snapshot that one command uses from start to end.</summary>
internal sealed class Medium
{
    // Linux moves at most this much in one read or write (MAX_RW_COUNT), and results of disk operations are 32 bits.
    private const int LargestTransferBytes = 0x7FFF_F000;

    internal Medium(IDisk disk, ScsiUnitKind kind)
    {
        Geometry = disk.Geometry;
        BlockBytes = kind == ScsiUnitKind.Dvd ? DvdBlockBytes : Geometry.LogicalSectorBytes;
        BlockShift = BitOperations.Log2((uint)BlockBytes);
        BlockCount = (ulong)(Geometry.Bytes >> BlockShift);
        PhysicalExponent = Math.Max(0, BitOperations.Log2((uint)Math.Max(Geometry.PhysicalSectorBytes, 1)) - BlockShift);
        int maximum = disk.Traits.MaximumTransferBytes;
        int largest = maximum > 0 ? Math.Min(maximum, LargestTransferBytes) : LargestTransferBytes;
        MaximumTransferBlocks = (uint)Math.Max(1, largest >> BlockShift);
        StepBytes = (int)Math.Min(WorkArea.BufferBytes, (long)MaximumTransferBlocks << BlockShift);
    }

    /// <summary>Block size of every CD/DVD data medium.</summary>
    internal static int DvdBlockBytes => 2048;

    /// <summary>What the disk said when this was made.</summary>
    internal DiskGeometry Geometry { get; }

    internal int BlockBytes { get; }

    /// <summary>Base-2 logarithm of <see cref="BlockBytes"/>.</summary>
    internal int BlockShift { get; }

    internal ulong BlockCount { get; }

    /// <summary>Logical blocks per physical block, as a base-2 logarithm.</summary>
    internal int PhysicalExponent { get; }

    /// <summary>The longest transfer of one command.</summary>
    internal uint MaximumTransferBlocks { get; }

    /// <summary>In what steps long commands go over the medium, in bytes.</summary>
    internal int StepBytes { get; }
}
