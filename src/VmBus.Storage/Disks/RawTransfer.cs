using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Storage.Disks;

/// <summary>What one operation of a <see cref="RawDiskQueue"/> does to the medium.</summary>
internal enum RawTransferKind
{
    Read,
    Write,
    Flush,

    /// <summary>Free the range (fallocate with a hole on files, BLKDISCARD on devices).</summary>
    Discard,

    /// <summary>Zero the range by freeing it; falls back to <see cref="ZeroRange"/>.</summary>
    ZeroByHole,

    /// <summary>Zero the range in place; falls back to <see cref="ZeroByWriting"/>.</summary>
    ZeroRange,

    /// <summary>Zero the range by writing zeroes.</summary>
    ZeroByWriting,
}

/// <summary>An operation of a <see cref="RawDiskQueue"/> on its way. Reused.</summary>
internal sealed class RawTransfer(int index)
{
    internal int Index { get; } = index;

    internal RawTransferKind Kind { get; set; }

    internal IoVectorList? Data { get; set; }

    /// <summary>Where the part still to be done begins.</summary>
    internal long Offset { get; set; }

    /// <summary>Bytes still to be done.</summary>
    internal long Left { get; set; }

    /// <summary>Bytes done.</summary>
    internal int Done { get; set; }

    /// <summary>Bytes of the step under way, when that is not all of <see cref="Left"/>.</summary>
    internal int Step { get; set; }

    internal bool Durable { get; set; }

    internal BounceBuffer? Bounce { get; set; }

    internal IIoCompletion? Completion { get; set; }

    internal int Tag { get; set; }
}
