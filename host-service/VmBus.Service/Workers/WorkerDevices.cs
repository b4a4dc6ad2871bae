using Microsoft.Extensions.Logging;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Network.Links;
using VmBus.Service.Definitions;
using VmBus.Storage.Disks;

namespace VmBus.Service.Workers;

/// <summary>What is opened for one partition's worker while it runs.</summary>
/// <remarks>Any thread.</remarks>
/// <param name="launcher">Has it opened.</param>
/// <param name="name">The partition.</param>
/// <param name="logger">For what nobody waits for.</param>
/// <param name="serviceStops">Ends what goes on by itself.</param>
internal sealed class WorkerDevices(WorkerLauncher launcher, string name, ILogger logger, CancellationToken serviceStops)
{
    // Between two attempts to open a link again that the worker has lost, whoever it is that asks so often.
    private static readonly TimeSpan RenewalPause = TimeSpan.FromSeconds(1);

    private readonly Lock _giving = new();
    private int _isRenewing;

    private WorkerFiles Files => launcher.FilesOf(name);

    /// <summary>Has something opened and given. Blocks until it is there.</summary>
    /// <param name="definition">The partition, as it runs.</param>
    /// <param name="device">What: one of <see cref="GiveRequest"/>'s words.</param>
    /// <param name="text">The words that name it.</param>
    /// <exception cref="ControlException">There is no such device.</exception>
    /// <exception cref="IOException">It cannot be opened; one line.</exception>
    public void Give(PartitionDefinition definition, string device, string text)
    {
        // What makes no sense is refused here, in the words of who asked.
        switch (device)
        {
            case GiveRequest.Disk:
                _ = DiskOptions.Parse(text);
                break;
            case GiveRequest.Nic:
                _ = NicOptions.Parse(text);
                break;
            case GiveRequest.File:
                break;
            default:
                throw new ControlException(ControlErrorCode.BadParameters, $"'{device}' is nothing that can be given: write {GiveRequest.Disk}, {GiveRequest.Nic} or {GiveRequest.File}.");
        }

        // A worker of a release that is given nothing opens everything itself.
        if (!File.Exists(Files.Given)) return;
        lock (_giving)
        {
            launcher.Give(definition, $"--{device}", text, renews: false);
            if (device == GiveRequest.Nic) File.AppendAllText(Files.Nics, text + "\n");
        }
    }

    /// <summary>Has the link of a network adapter opened again that the worker has lost. The worker asks again as long as it has none.</summary>
    /// <param name="definition">The partition, as it runs.</param>
    /// <param name="link">The adapter, in the words that it was given with.</param>
    public void Renew(PartitionDefinition definition, string link)
    {
        if (Interlocked.Exchange(ref _isRenewing, 1) == 0) _ = RenewAsync(definition, link);
    }

    private async Task RenewAsync(PartitionDefinition definition, string link)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            lock (_giving)
            {
                // What a worker says is the guest's, when it has taken the worker over: it gets what it has had, and nothing else.
                if (!definition.Nics.Contains(link) && !(File.Exists(Files.Nics) && File.ReadLines(Files.Nics).Contains(link))) throw new IOException("the partition has never had it");
                launcher.Give(definition, $"--{GiveRequest.Nic}", link, renews: true);
            }

            ServiceLog.LinkRenewed(logger, link);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            ServiceLog.LinkNotRenewed(logger, link, exception.Message);
        }

        await Task.WhenAny(Task.Delay(RenewalPause, serviceStops)).ConfigureAwait(false);
        Volatile.Write(ref _isRenewing, 0);
    }
}
