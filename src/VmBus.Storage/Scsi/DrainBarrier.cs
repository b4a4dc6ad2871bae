namespace VmBus.Storage.Scsi;

/// <summary>Waits for commands that run on several lanes. Any thread.</summary>
/// <param name="parties">How often <see cref="Signal"/> is called at least.</param>
/// <param name="drained">Called once, by the last one, on its thread.</param>
internal sealed class DrainBarrier(int parties, Action drained)
{
    private int _left = parties;

    /// <summary>One more must signal. Only by a party that has not signalled.</summary>
    internal void Add() => Interlocked.Increment(ref _left);

    /// <summary>A party is done.</summary>
    internal void Signal()
    {
        if (Interlocked.Decrement(ref _left) == 0) drained();
    }
}
