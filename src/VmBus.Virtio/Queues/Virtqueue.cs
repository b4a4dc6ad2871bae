using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;

namespace VmBus.Virtio.Queues;

/// <summary>What a queue had when it was asked for a request.</summary>
public enum QueueTake
{
    /// <summary>A request.</summary>
    Taken,

    /// <summary>None at the moment.</summary>
    Empty,

    /// <summary>The driver broke the rules; <see cref="Virtqueue.Problem"/> says which, and nothing more can be taken.</summary>
    Broken,
}

/// <summary>The device's end of a virtqueue. One thread, nothing throws and nothing is allocated for a request.</summary>
/// <remarks>
/// The rings lie in memory that a hostile guest changes at any time: every value is read once and checked before it is used. A device takes
/// chains, completes each in any order, and publishes: what is completed is visible to the driver only then. Source: virtio 1.3, 2.6 to 2.8.
/// </remarks>
public abstract class Virtqueue
{
    private readonly byte[] _table = new byte[DescriptorChain.MaximumPieces * QueueLayout.DescriptorBytes];

    /// <summary>A queue over the memory that its descriptors point to.</summary>
    private protected Virtqueue(IDeviceMemory memory, QueueSettings settings)
    {
        Memory = memory;
        Settings = settings;
    }

    /// <summary>Feature bits of the queues of every device.</summary>
    public const VirtioFeatures Features = VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex | VirtioFeatures.PackedRing;

    /// <summary>Requests that are taken again because a process before this one did not complete them.</summary>
    public int RecoveredCount { get; private protected init; }

    /// <summary>Which rule the driver broke, for people; null while it has broken none.</summary>
    public string? Problem { get; private set; }

    /// <summary>Chains that were taken and not completed.</summary>
    public int InFlight { get; private set; }

    /// <summary>Entries of the ring.</summary>
    public int Size => Settings.Size;

    /// <summary>Where the queue stands, as the vhost-user protocol carries it: the index of the next chain to be taken; of a packed queue two positions, see <see cref="PackedQueue"/>.</summary>
    public abstract uint Base { get; }

    /// <summary>What descriptors point to.</summary>
    public IDeviceMemory Memory { get; }

    private protected QueueSettings Settings { get; }

    /// <summary>A queue of either kind, as was agreed on.</summary>
    internal static Virtqueue Open(IDeviceMemory memory, QueueSettings settings, QueueArea descriptors, QueueArea driver, QueueArea device)
        => settings.IsPacked ? new PackedQueue(memory, settings, descriptors, driver, device) : new SplitQueue(memory, settings, descriptors, driver, device);

    /// <summary>Length and alignment of the part of a queue that its driver writes.</summary>
    internal static (int Bytes, int Alignment) DriverPart(bool packed, int size)
        => packed ? (QueueLayout.EventBytes, sizeof(uint)) : (QueueLayout.AvailableBytes(size), sizeof(ushort));

    /// <summary>Length and alignment of the part of a queue that its device writes.</summary>
    internal static (int Bytes, int Alignment) DevicePart(bool packed, int size)
        => packed ? (QueueLayout.EventBytes, sizeof(uint)) : (QueueLayout.UsedBytes(size), sizeof(uint));

    /// <summary>Takes the next request.</summary>
    public QueueTake TryTake(DescriptorChain chain)
    {
        if (Problem is not null) return QueueTake.Broken;
        QueueTake result = TakeNext(chain);
        if (result == QueueTake.Taken) InFlight++;
        return result;
    }

    /// <summary>Gives a chain back to the driver with <see cref="Publish"/>.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="writtenBytes">How many bytes of its writable part were written, from the first on.</param>
    public void Complete(DescriptorChain chain, uint writtenBytes)
    {
        InFlight--;
        if (Settings.Log is { } log) chain.LogWritten(log, writtenBytes);
        WriteUsed(chain, writtenBytes);
    }

    /// <summary>Notes that the driver broke a rule of the device with a chain, which it never gets back.</summary>
    public void Abandon(string problem)
    {
        InFlight--;
        Break(problem);
    }

    /// <summary>Makes completed chains visible to the driver.</summary>
    /// <returns>Whether the driver wants to be signalled for them.</returns>
    public abstract bool Publish();

    /// <summary>Asks the driver to kick when it adds a request.</summary>
    /// <returns>True when there is one already: no kick will come for it.</returns>
    public abstract bool EnableKicks();

    /// <summary>Tells the driver that kicks are not needed now; it may send some all the same.</summary>
    public abstract void DisableKicks();

    private protected abstract QueueTake TakeNext(DescriptorChain chain);

    private protected abstract void WriteUsed(DescriptorChain chain, uint writtenBytes);

    private protected QueueTake Break(string problem)
    {
        Problem ??= problem;
        return QueueTake.Broken;
    }

    /// <summary>Copies an indirect table, whole and once.</summary>
    /// <returns>Its descriptors; empty, with the problem noted, when it is not one.</returns>
    private protected ReadOnlySpan<byte> CopyTable(ulong address, uint bytes)
    {
        if (bytes == 0 || bytes % QueueLayout.DescriptorBytes != 0 || bytes > _table.Length)
        {
            Break($"an indirect table has {bytes} bytes");
            return default;
        }

        Span<byte> table = _table.AsSpan(0, (int)bytes);
        if (GuestCopy.TryRead(Memory, new Gpa(address), table)) return table;
        Break("an indirect table is outside memory");
        return default;
    }
}
