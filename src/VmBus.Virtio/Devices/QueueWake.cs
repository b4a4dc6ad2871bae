using VmBus.Lanes;

namespace VmBus.Virtio.Devices;

/// <summary>Has a queue run again from another thread; any number of times until it has looked cost one.</summary>
internal sealed class QueueWake(Lane lane, QueueRunner runner)
{
    private readonly Action _touch = runner.Touch;
    private int _isSet;

    /// <summary>There is something to do. Any thread.</summary>
    public void Set()
    {
        if (Interlocked.Exchange(ref _isSet, 1) != 0) return;
        try
        {
            lane.Post(_touch);
        }
        catch (ObjectDisposedException)
        {
            // Everything ends.
        }
    }

    /// <summary>The queue looks now, before it looks: what comes after this is told again. On the lane.</summary>
    public void Clear() => Interlocked.Exchange(ref _isSet, 0);
}
