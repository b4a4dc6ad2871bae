namespace VmBus.Storage.Disks;

/// <summary>Which ways the I/O of a raw disk took.</summary>
/// <param name="InlineReads">Reads done by one call on the lane's thread.</param>
/// <param name="InlineWrites">Writes done by one call on the lane's thread.</param>
/// <param name="InlineMisses">Reads that were tried so and found nothing in the page cache.</param>
/// <param name="LaneOperations">Operations started on the lane's engine, continuations of short ones included.</param>
/// <param name="Bounced">Direct transfers that went through an aligned copy.</param>
public readonly record struct RawDiskCounters(
    long InlineReads, long InlineWrites, long InlineMisses, long LaneOperations, long Bounced)
{
    /// <summary>The sum, member by member.</summary>
    public static RawDiskCounters operator +(RawDiskCounters left, RawDiskCounters right) => new(
        left.InlineReads + right.InlineReads,
        left.InlineWrites + right.InlineWrites,
        left.InlineMisses + right.InlineMisses,
        left.LaneOperations + right.LaneOperations,
        left.Bounced + right.Bounced);
}
