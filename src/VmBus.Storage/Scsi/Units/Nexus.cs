namespace VmBus.Storage.Scsi.Units;

/// <summary>One initiator as one logical unit knows it (SAM: an I_T_L nexus). Any thread.</summary>
internal sealed class Nexus(ulong initiator)
{
    private int _pending;

    internal ulong Initiator { get; } = initiator;

    /// <summary>Whether a unit attention waits to be told.</summary>
    internal bool HasAttention => Volatile.Read(ref _pending) != 0;

    /// <summary>Remembers something to tell. What is not told yet is told once.</summary>
    internal void Raise(UnitAttention attention) => Interlocked.Or(ref _pending, (int)attention);

    /// <summary>Takes the attention to tell now.</summary>
    /// <returns>False when another channel of the initiator has taken it.</returns>
    internal bool TryTake(out UnitAttention attention)
    {
        while (true)
        {
            int pending = Volatile.Read(ref _pending);
            attention = UnitAttention.None;
            if (pending == 0) return false;
            attention = ((UnitAttention)pending).First();
            if (Interlocked.CompareExchange(ref _pending, pending & ~(int)attention, pending) == pending) return true;
        }
    }
}
