using Microsoft.Extensions.Logging;
using VmBus.Management.Client;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Service.Workers;

/// <summary>Hears what a worker tells, by its control socket and its error output, until its process has ended.</summary>
/// <param name="worker">The worker.</param>
/// <param name="files">Its files.</param>
/// <param name="name">The partition.</param>
/// <param name="publish">Gets its events, except its end: that is told when the process is gone.</param>
/// <param name="logger">Gets what it writes.</param>
/// <param name="isNew">Whether it was started just now.</param>
internal sealed class WorkerFollower(Worker worker, WorkerFiles files, string name, Action<string, ControlEvent> publish, ILogger logger, bool isNew)
{
    private const long LogPeriodMs = 2000;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    private readonly WorkerLog _log = new(files.Log);
    private bool _answered;
    private bool _told;

    // All followers look at the same moments: a service that nobody asks wakes once for all of its workers.
    private static TimeSpan UntilNextLook => TimeSpan.FromMilliseconds(LogPeriodMs - Environment.TickCount64 % LogPeriodMs);

    /// <summary>Runs until the process has ended.</summary>
    /// <param name="running">Called once, when the worker answers.</param>
    /// <param name="serviceStops">Ends this; the worker stays.</param>
    public async Task RunAsync(Action running, CancellationToken serviceStops)
    {
        if (!isNew) _log.SkipOld();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(serviceStops);
        Task following = FollowAsync(running, over.Token);
        try
        {
            while (!worker.Gone.IsCompleted)
            {
                Relay();
                await Task.WhenAny(worker.Gone, Task.Delay(UntilNextLook, over.Token)).ConfigureAwait(false);
                serviceStops.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
            await following.ConfigureAwait(false);
        }

        await worker.Gone.ConfigureAwait(false);
        Relay();
    }

    private void Relay()
    {
        foreach (string line in _log.ReadNew()) ServiceLog.WorkerSaid(logger, line);
    }

    private async Task FollowAsync(Action running, CancellationToken over)
    {
        TimeSpan pause = FirstPause;
        DateTimeOffset silentSince = DateTimeOffset.UtcNow;
        try
        {
            while (true)
            {
                try
                {
                    ControlClient client = await ControlClient.ConnectAsync(files.Control, "vmbusd", over).ConfigureAwait(false);
                    try
                    {
                        await using (client.ConfigureAwait(false)) await ListenAsync(client, running, over).ConfigureAwait(false);
                    }
                    finally
                    {
                        // One that is ending refuses or hangs up, and is gone soon.
                        silentSince = DateTimeOffset.UtcNow;
                    }
                }
                catch (IOException exception)
                {
                    if (!_told && DateTimeOffset.UtcNow - silentSince > Grace)
                    {
                        _told = true;
                        ServiceLog.NoAnswer(logger, exception.Message);
                    }
                }

                await Task.Delay(pause, over).ConfigureAwait(false);
                pause = pause * 2 > LongestPause ? LongestPause : pause * 2;
            }
        }
        catch (OperationCanceledException)
        {
            // The worker or the service has ended.
        }
    }

    private async Task ListenAsync(ControlClient client, Action running, CancellationToken over)
    {
        await client.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, over).ConfigureAwait(false);
        if (!_answered)
        {
            _answered = true;
            running();
            if (isNew) publish(PartitionEventName.Started, new ControlEvent(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), name, null, null, null, null, null));
        }

        bool hasReset = false;
        while (await client.NextEventAsync(over).ConfigureAwait(false) is { } happened)
        {
            // Its first start is told above: the worker may have told of it before anybody listened.
            if (happened.Name == PartitionEventName.Ended || (happened.Name == PartitionEventName.Started && !hasReset)) continue;
            hasReset |= happened.Name == PartitionEventName.Reset;
            publish(happened.Name, happened.Fields);
        }
    }
}
