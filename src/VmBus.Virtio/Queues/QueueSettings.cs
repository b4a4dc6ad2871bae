using VmBus.Memory.Guest;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Queues;

/// <summary>What driver and device have agreed on for a queue.</summary>
internal sealed record QueueSettings
{
    /// <summary>Entries of the ring, a power of two unless it is packed.</summary>
    public required int Size { get; init; }

    /// <summary>The ring is packed.</summary>
    public bool IsPacked { get; init; }

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

    /// <summary>Where the guest sees the part that the device writes, when its writes are logged too.</summary>
    public Gpa? LoggedUsed { get; init; }

    /// <summary>Where the guest sees the descriptors, which the device of a packed ring writes.</summary>
    public Gpa? LoggedRing { get; init; }

    /// <summary>What the feature bits of a driver say of its queues.</summary>
    public static QueueSettings Of(ulong features, int size) => new()
    {
        Size = size,
        IsPacked = ((VirtioFeatures)features & VirtioFeatures.PackedRing) != 0,
        EventIndex = ((VirtioFeatures)features & VirtioFeatures.EventIndex) != 0,
        IndirectDescriptors = ((VirtioFeatures)features & VirtioFeatures.IndirectDescriptors) != 0,
    };
}
