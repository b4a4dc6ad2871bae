using VmBus.Storage.Scsi;

namespace VmBus.Virtio.Scsi;

/// <summary>Which commands a task management function means.</summary>
/// <param name="Address">Those of a unit; null for all.</param>
/// <param name="Id">The one that the driver knows by this; null for all.</param>
internal readonly record struct ScsiTaskFilter(ScsiAddress? Address, ulong? Id)
{
    public bool Means(ScsiCommandRequest request)
        => (Address is not { } address || request.Address == address) && (Id is not { } id || request.Id == id);
}

/// <summary>Waits for several lanes. Any thread; the last one calls back.</summary>
internal sealed class ScsiTaskBarrier(Action<int> ended)
{
    private int _running = 1;
    private int _count;

    public void Add() => Interlocked.Increment(ref _running);

    /// <summary>So many commands were under way.</summary>
    public void Count(int commands) => Interlocked.Add(ref _count, commands);

    public void Signal()
    {
        if (Interlocked.Decrement(ref _running) == 0) ended(_count);
    }
}
