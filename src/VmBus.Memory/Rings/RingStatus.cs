namespace VmBus.Memory.Rings;

/// <summary>What a ring operation found. A ring reports; its owner decides.</summary>
public enum RingStatus
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>Nothing to read.</summary>
    Empty,

    /// <summary>No space to write.</summary>
    Full,

    /// <summary>The guest wrote an index or a packet header that breaks the rules; the ring is unusable until reopened.</summary>
    Corrupt,
}
