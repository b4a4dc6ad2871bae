using VmBus.Host;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Network.Links;
using VmBus.Storage.Disks;

namespace VmBus.Control.Verbs;

/// <summary>The verbs of a partition, its disks and its network adapters.</summary>
/// <param name="partition">What they are for.</param>
/// <param name="powerOffLimit">How long <c>partition.poweroff</c> waits for the guest where the request does not say.</param>
public sealed class PartitionVerbs(IPartitionControl partition, TimeSpan powerOffLimit) : IVerbGroup
{
    // Longer than a healthy disk or link needs for its last commands or frames; then whoever asked hears that it is still going.
    private static readonly TimeSpan RemovalLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestLimit = TimeSpan.FromDays(1);

    /// <inheritdoc/>
    public void AddTo(VerbTable table)
    {
        table.Add(PartitionVerb.Show, (_, _) => Task.FromResult(Reports.Of(partition.Describe())));
        table.Add(PartitionVerb.PowerOff, (request, _) => Task.FromResult(PowerOff(request)));
        table.Add(PartitionVerb.Kill, (_, _) => Task.FromResult(Kill()));
        table.Add(PartitionVerb.ShowMemory, (_, _) => Task.FromResult(Reports.Of(partition.Memory)));
        table.Add(PartitionVerb.SetMemory, async (request, cancellation) => Reports.Of(await partition.SetMemoryAsync(request.Bytes, cancellation).ConfigureAwait(false)));
        table.Add(PartitionVerb.ListDisks, (_, _) => Task.FromResult(new DiskList([.. partition.Disks.Select(Reports.Of)])));
        table.Add(PartitionVerb.AddDisk, (request, _) => Task.FromResult(AddDisk(request)));
        table.Add(PartitionVerb.RemoveDisk, (request, cancellation) => RemoveAsync(partition.RemoveDiskAsync(request.Id), cancellation));
        table.Add(PartitionVerb.ResizeDisk, (request, _) => Task.FromResult(Resize(request)));
        table.Add(PartitionVerb.ListNics, (_, _) => Task.FromResult(new NicList([.. partition.NetworkAdapters.Select(Reports.Of)])));
        table.Add(PartitionVerb.AddNic, (request, _) => Task.FromResult(Reports.Of(partition.AddNic(NicOptions.Parse(request.Options)))));
        table.Add(PartitionVerb.RemoveNic, (request, cancellation) => RemoveAsync(partition.RemoveNicAsync(request.Id), cancellation));
    }

    private static async Task<RemoveReply> RemoveAsync(Task removal, CancellationToken cancellation)
    {
        try
        {
            await removal.WaitAsync(RemovalLimit, cancellation).ConfigureAwait(false);
            return new RemoveReply(Done: true);
        }
        catch (TimeoutException)
        {
            return new RemoveReply(Done: false);
        }
    }

    private PowerOffReply PowerOff(PowerOffRequest request)
    {
        if (request.LimitMs is { } wanted && (wanted < 0 || wanted > LongestLimit.TotalMilliseconds))
            throw new ControlException(ControlErrorCode.BadParameters, $"A limit of {wanted} ms cannot be: give 0 to {LongestLimit.TotalMilliseconds}.");
        TimeSpan limit = request.LimitMs is { } limitMs ? TimeSpan.FromMilliseconds(limitMs) : powerOffLimit;
        partition.RequestPowerOff(limit);
        return new PowerOffReply((long)limit.TotalMilliseconds);
    }

    private NoValue Kill()
    {
        partition.Terminate();
        return NoValue.Instance;
    }

    // A client's folder is not this process's: a relative path would mean another file than the one that was meant.
    private DiskReport AddDisk(AddRequest request)
    {
        DiskOptions options = DiskOptions.Parse(request.Options, (key, value) => key == "bus" && value == "vmbus");
        if (!Path.IsPathRooted(options.Path) || options.Path.Contains('\0', StringComparison.Ordinal))
            throw new ControlException(ControlErrorCode.BadParameters, $"Disk '{request.Options}' has no absolute path: begin it with '/'.");
        return Reports.Of(partition.AddDisk(options));
    }

    private ResizeReply Resize(ResizeRequest request)
    {
        if (request.Bytes is <= 0) throw new ControlException(ControlErrorCode.BadParameters, $"A disk cannot have {request.Bytes} bytes.");
        long before = partition.Disks.FirstOrDefault(disk => disk.Id == request.Id)?.Bytes ?? 0;
        return new ResizeReply(Reports.Of(partition.ResizeDisk(request.Id, request.Bytes)), before);
    }
}
