using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Service.Partitions;

namespace VmBus.Service.Metrics;

/// <summary>Asks all workers how they are, when somebody wants to know.</summary>
/// <remarks>Any thread. However many want to know at the same time, each worker is asked once; one that does not answer holds up nobody longer than <see cref="AnswerLimit"/>.</remarks>
/// <param name="registry">The partitions.</param>
internal sealed class SampleCollector(PartitionRegistry registry)
{
    /// <summary>How long a worker has to answer.</summary>
    public static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(2);

    // Younger ones are given out again: several pages, or a page and Prometheus, cost the workers no more than one.
    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private Task<ServiceSample>? _newest;

    /// <summary>The last sample that was finished; null before the first.</summary>
    public ServiceSample? Latest { get; private set; }

    /// <summary>Takes a sample, or gives one that was taken just now.</summary>
    /// <param name="cancellation">Ends the wait, not the asking.</param>
    public Task<ServiceSample> CollectAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_newest is null || _newest.IsFaulted || (_newest.IsCompletedSuccessfully && DateTimeOffset.UtcNow - _newest.Result.Time > Fresh)) _newest = AskAllAsync();
            return _newest.WaitAsync(cancellation);
        }
    }

    private async Task<ServiceSample> AskAllAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        PartitionSample[] partitions = await Task.WhenAll(registry.All.Select(static partition => AskAsync(partition.Describe()))).ConfigureAwait(false);
        return Latest = new ServiceSample(DateTimeOffset.UtcNow, partitions, registry.Problems.Count, ProcessFigures.TryRead(Environment.ProcessId));
    }

    private static async Task<PartitionSample> AskAsync(PartitionStatus status)
    {
        var sample = new PartitionSample(status) { Worker = status.Process is { } process ? ProcessFigures.TryRead(process) : null };
        if (status.Control is not { } control) return sample;
        using var limit = new CancellationTokenSource(AnswerLimit);
        try
        {
            ControlClient worker = await ControlClient.ConnectAsync(control, "vmbusd", limit.Token).ConfigureAwait(false);
            await using (worker.ConfigureAwait(false))
            {
                return sample with
                {
                    Report = await worker.CallAsync(PartitionVerb.Show, NoValue.Instance, limit.Token).ConfigureAwait(false),
                    Memory = await worker.CallAsync(PartitionVerb.ShowMemory, NoValue.Instance, limit.Token).ConfigureAwait(false),
                    Disks = (await worker.CallAsync(PartitionVerb.ListDisks, NoValue.Instance, limit.Token).ConfigureAwait(false)).Disks,
                    Nics = (await worker.CallAsync(PartitionVerb.ListNics, NoValue.Instance, limit.Token).ConfigureAwait(false)).Nics,
                };
            }
        }
        catch (ControlException exception)
        {
            return sample with { Failure = exception.Message };
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            return sample with { Failure = "its worker does not answer" };
        }
    }
}
