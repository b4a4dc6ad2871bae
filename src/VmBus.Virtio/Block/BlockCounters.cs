namespace VmBus.Virtio.Block;

/// <summary>What a block device has done, over all its queues.</summary>
/// <param name="Requests">Requests that were completed.</param>
/// <param name="FailedRequests">Those that ended with an error, or were not understood.</param>
/// <param name="BytesRead">Bytes moved to the driver.</param>
/// <param name="BytesWritten">Bytes moved from the driver.</param>
/// <param name="Time">The sum of the times of the completed requests, from taken to completed.</param>
public readonly record struct BlockCounters(long Requests, long FailedRequests, long BytesRead, long BytesWritten, TimeSpan Time)
{
    /// <summary>The sum, field by field.</summary>
    public static BlockCounters operator +(BlockCounters left, BlockCounters right) => new(
        left.Requests + right.Requests,
        left.FailedRequests + right.FailedRequests,
        left.BytesRead + right.BytesRead,
        left.BytesWritten + right.BytesWritten,
        left.Time + right.Time);
}
