using VmBus.Memory.Guest;
using VmBus.Storage.Scsi;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Scsi;

/// <summary>A SCSI command on its way. Reused; one lane's own.</summary>
internal sealed class ScsiCommandRequest(ScsiRequestQueue queue) : ScsiRequest(new IoVectorList(InitialVectors, MaximumVectors)), IDisposable
{
    // A small request is one or two pieces; the list grows to what its largest request needed and stays there.
    private const int InitialVectors = 4;

    // What one readv or writev takes (UIO_MAXIOV).
    private const int MaximumVectors = 1024;

    public DescriptorChain Chain { get; } = new();

    /// <summary>By which the driver means it in a task management function.</summary>
    public ulong Id { get; set; }

    /// <summary>Bytes of the data buffer.</summary>
    public long DataBytes { get; set; }

    /// <summary>Bytes of sense data that the driver has room for; settled when the command is taken.</summary>
    public int SenseRoom { get; set; }

    public bool IsActive { get; set; }

    /// <summary>Told when it has ended; null for nobody.</summary>
    public Action? Ended { get; set; }

    /// <inheritdoc/>
    public override void Complete() => queue.Completed(this);

    /// <inheritdoc/>
    public void Dispose() => Data.Dispose();
}
