using VmBus.Bus.Tracing;
using VmBus.Host.Integration;
using VmBus.Network.Links;
using VmBus.Providers.DynamicMemory;
using VmBus.Storage.Disks;

namespace VmBus.Host;

/// <summary>What can be asked of a partition while it runs: by the monitor of <c>vmbus run</c>, and by whoever manages it from afar.</summary>
/// <remarks>
/// Any thread but a lane may call any member, also several at once, until the partition is disposed. Members that open files block while they do.
/// What cannot be done is an <see cref="IOException"/> whose message is one line for people: what, which value, what to do.
/// </remarks>
public interface IPartitionControl
{
    /// <summary>The disks in order of their logical unit numbers, those that come and go among them.</summary>
    IReadOnlyList<DiskInfo> Disks { get; }

    /// <summary>The network adapters in the order they came, those that come and go among them, with what each has done.</summary>
    IReadOnlyList<NicInfo> NetworkAdapters { get; }

    /// <summary>What the guest itself can be asked, through its integration services.</summary>
    IIntegrationControl Integration { get; }

    /// <summary>How the partition's memory stands.</summary>
    DynamicMemoryInfo Memory { get; }

    /// <summary>Has the guest give memory back or take more, until it has <paramref name="bytes"/>.</summary>
    /// <returns>How the memory stands when it has; memory is added in units that the guest names, so it may come out a little less.</returns>
    /// <exception cref="DynamicMemoryException">The guest cannot, or not all of it; the message says what it has.</exception>
    Task<DynamicMemoryInfo> SetMemoryAsync(long bytes, CancellationToken cancellation = default);

    /// <summary>How the partition stands now.</summary>
    PartitionInfo Describe();

    /// <summary>Opens a disk and gives it to the guest, which is told and finds it by itself.</summary>
    /// <returns>The disk as it was attached.</returns>
    /// <exception cref="DiskException">The disk cannot be opened.</exception>
    /// <exception cref="IOException">The id is taken, or the controller is full.</exception>
    DiskInfo AddDisk(DiskOptions options);

    /// <summary>Takes a disk from the guest, as pulling it out does: later commands find no unit, and the guest is told.</summary>
    /// <returns>
    /// Ends when the commands that were running have ended and the image is closed and unlocked; then the id and the image may be used again.
    /// That may be never while the image's own storage does not answer. Asked for twice, it is the same task.
    /// </returns>
    /// <exception cref="IOException">There is no such disk, or it is still being opened.</exception>
    Task RemoveDiskAsync(string id);

    /// <summary>Tells the guest a disk's new size.</summary>
    /// <param name="id">The disk.</param>
    /// <param name="bytes">Grow the file to this size first; null when the image has been enlarged already.</param>
    /// <returns>The disk as it is now; its size is the old one when nothing has changed.</returns>
    /// <exception cref="DiskException">The image cannot have this size, or its format keeps the size it was opened with.</exception>
    /// <exception cref="IOException">There is no such disk, or it is coming or going.</exception>
    DiskInfo ResizeDisk(string id, long? bytes);

    /// <summary>Opens a link and offers the guest a network adapter on it, which its driver finds by itself.</summary>
    /// <returns>The adapter as it was offered.</returns>
    /// <exception cref="LinkException">The link cannot be opened.</exception>
    /// <exception cref="IOException">The id is taken, or the partition has as many adapters as it can.</exception>
    NicInfo AddNic(NicOptions options);

    /// <summary>Takes a network adapter from the guest, as pulling it out does: its channels are closed and drained, then the offer is withdrawn.</summary>
    /// <returns>Ends when the link is closed too; then the id and the link may be used again. Asked for twice, it is the same task.</returns>
    /// <exception cref="IOException">There is no such adapter, or it is still being opened.</exception>
    Task RemoveNicAsync(string id);

    /// <summary>Connects to the guest's exec service, which runs one command on each connection. Source: protocol-spec/exec.md.</summary>
    /// <returns>The connection when the guest has taken it; the caller disposes it.</returns>
    /// <exception cref="IOException">The partition does not allow it, or the guest has no such service.</exception>
    /// <exception cref="ObjectDisposedException">The partition has ended.</exception>
    Task<Stream> OpenExecAsync(CancellationToken cancellation);

    /// <summary>Begins to record what guest and host say to each other on the bus; over resets, until the trace is disposed, which the caller does.</summary>
    /// <param name="options">What is recorded; the partition's name takes the place of theirs.</param>
    /// <exception cref="IOException">As many traces run as may.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A limit of the options is beyond what may be.</exception>
    /// <exception cref="ObjectDisposedException">The partition has ended.</exception>
    BusTrace StartTrace(BusTraceOptions options);

    /// <summary>
    /// Asks the guest to power off, by its integration service where it serves that and else by the power button, and ends the partition when it has
    /// not after <paramref name="limit"/>.
    /// </summary>
    void RequestPowerOff(TimeSpan limit);

    /// <summary>Ends the partition at once, as pulling the plug does.</summary>
    void Terminate();
}
