namespace VmBus.TestKit;

/// <summary>The least that a thread allocates between two marks that it sets itself, for the reason that <see cref="Allocations"/> gives.</summary>
/// <remarks>Marked on one thread; read when that has ended its work.</remarks>
public sealed class AllocationMarks
{
    private long _last = -1;

    /// <summary>Bytes; <see cref="long.MaxValue"/> before the second mark.</summary>
    public long Least { get; private set; } = long.MaxValue;

    /// <summary>Ends a stretch and begins the next.</summary>
    public void Mark()
    {
        long now = GC.GetAllocatedBytesForCurrentThread();
        if (_last >= 0) Least = Math.Min(Least, now - _last);
        _last = now;
    }
}
