using VmBus.Lanes;
using VmBus.Memory.Guest;

namespace VmBus.Storage.Disks;

/// <summary>One lane's way to a disk. All members are called on that lane's thread.</summary>
/// <remarks>
/// Each operation returns its result when it is done at once, or <see cref="Pending"/>; then <see cref="IIoCompletion.Complete"/> is called
/// exactly once, later, on the same thread. Results: bytes transferred for reads and writes (short only at the end of the medium), 0 for
/// the others, negative errno on failure. Offsets and lengths are multiples of the logical sector; the caller has checked them against
/// <see cref="IDisk.Geometry"/>. Nothing throws and nothing is allocated. The list belongs to the queue until the operation ends, which may
/// change it.
/// </remarks>
public interface IDiskQueue : IDisposable
{
    /// <summary>The result of an operation that is still running.</summary>
    const int Pending = int.MinValue;

    /// <summary>Reads into the guest ranges of <paramref name="data"/>.</summary>
    int Read(IoVectorList data, long offset, IIoCompletion completion, int tag);

    /// <summary>Writes the guest ranges of <paramref name="data"/>; with <paramref name="forceUnitAccess"/> it ends only when durable.</summary>
    int Write(IoVectorList data, long offset, bool forceUnitAccess, IIoCompletion completion, int tag);

    /// <summary>Makes every write that has completed durable.</summary>
    int Flush(IIoCompletion completion, int tag);

    /// <summary>Frees the space of a range where the medium can; it reads as zeroes or unchanged afterwards.</summary>
    int Discard(long offset, long bytes, IIoCompletion completion, int tag);

    /// <summary>Makes a range read as zeroes; with <paramref name="mayUnmap"/> by freeing its space where possible.</summary>
    int WriteZeroes(long offset, long bytes, bool mayUnmap, IIoCompletion completion, int tag);
}
