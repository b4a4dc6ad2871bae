using VmBus.Memory.Guest;

namespace VmBus.Virtio.Queues;

/// <summary>What driver and device have agreed on for a queue.</summary>
internal sealed record QueueSettings
{
    /// <summary>Entries of the ring, a power of two.</summary>
    public required int Size { get; init; }

    /// <summary>Where to go on; see <see cref="Virtqueue.Base"/>.</summary>
    public uint Base { get; init; }

    /// <summary>Both sides say when they want a signal.</summary>
    public bool EventIndex { get; init; }

    /// <summary>Descriptors may name tables.</summary>
    public bool IndirectDescriptors { get; init; }

    /// <summary>Remembers requests on their way, for whoever goes on after this process; null for nothing.</summary>
    public IInflightLog? Inflight { get; init; }

    /// <summary>Where written pages are marked; null for nowhere.</summary>
    public DirtyLog? Log { get; init; }

    /// <summary>Where the guest sees the used ring, when its writes are logged too.</summary>
    public Gpa? LoggedUsed { get; init; }
}
