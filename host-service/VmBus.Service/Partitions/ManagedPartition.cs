using System.Diagnostics;
using Microsoft.Extensions.Logging;
using VmBus.Control.Verbs;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Native.Linux;
using VmBus.Service.Definitions;
using VmBus.Service.Workers;

namespace VmBus.Service.Partitions;

/// <summary>A partition and its worker: starts it, hears of its end, restarts it where its definition says so.</summary>
/// <remarks>Any thread. What fails is a <see cref="ControlException"/> for whoever asked; what nobody asked for is in the log and an event.</remarks>
internal sealed class ManagedPartition
{
    private static readonly TimeSpan KillAfter = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AskingLimit = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly WorkerLauncher _launcher;
    private readonly WorkerDevices _devices;
    private readonly Action<string, ControlEvent> _publish;
    private readonly ILogger _logger;
    private readonly CancellationToken _serviceStops;
    private readonly RestartDelay _delay = new();
    private PartitionDefinition _definition;
    private string? _problem;
    private string? _runningText;
    private PartitionState _state;
    private Worker? _worker;
    private WorkerEnd? _end;
    private bool _launching;
    private bool _isUndefined;
    private CancellationTokenSource? _restart;

    /// <summary>A partition that is off.</summary>
    /// <param name="definition">Its definition.</param>
    /// <param name="launcher">Starts workers.</param>
    /// <param name="publish">Gets the events.</param>
    /// <param name="logger">For lines in the partition's scope.</param>
    /// <param name="serviceStops">Ends the service's part; workers run on.</param>
    public ManagedPartition(PartitionDefinition definition, WorkerLauncher launcher, Action<string, ControlEvent> publish, ILogger logger, CancellationToken serviceStops)
    {
        _definition = definition;
        _launcher = launcher;
        _publish = publish;
        _logger = new PartitionLogger(logger, definition.Name);
        _serviceStops = serviceStops;
        _devices = new WorkerDevices(launcher, definition.Name, _logger, serviceStops);
    }

    /// <summary>Its definition.</summary>
    public PartitionDefinition Definition
    {
        get
        {
            lock (_lock) return _definition;
        }
    }

    /// <summary>Whether there is a worker, or will be without anybody's doing.</summary>
    public bool IsActive
    {
        get
        {
            lock (_lock) return _worker is not null || _launching || _restart is not null;
        }
    }

    private string Name => _definition.Name;

    private WorkerFiles Files => _launcher.FilesOf(Name);

    /// <summary>Another definition, or what is wrong with it; a worker that runs is left alone.</summary>
    public void Redefine(PartitionDefinition? definition, string? problem)
    {
        lock (_lock)
        {
            _definition = definition ?? _definition;
            _problem = problem;
            _isUndefined = false;
        }
    }

    /// <summary>There is no definition any more: a worker is left alone, and nothing follows its end.</summary>
    /// <returns>Whether there is no worker: then nothing is left of it.</returns>
    public bool Undefine()
    {
        lock (_lock)
        {
            _isUndefined = true;
            _problem = "its definition file is gone";
            _restart?.Cancel();
            _restart = null;
            return _worker is null && !_launching;
        }
    }

    /// <summary>How it stands.</summary>
    public PartitionStatus Describe()
    {
        lock (_lock)
        {
            return new PartitionStatus(
                Name,
                Words.Of(_state),
                _worker?.Process.ProcessId,
                _worker is null ? null : Files.Control,
                _worker?.StartedMs,
                _definition.Processors,
                _definition.Memory,
                Words.Of(_definition.Restart),
                _definition.Autostart,
                _worker is not null && _runningText != _definition.Text,
                _end?.Reason,
                _end?.Detail,
                _end?.Time.ToUnixTimeMilliseconds(),
                _problem);
        }
    }

    /// <summary>Looks for a worker that an earlier service has started.</summary>
    /// <returns>Whether there is one, or was one whose end is told now.</returns>
    public async Task<bool> FindAsync()
    {
        string record = Files.Record;
        bool was = File.Exists(record);
        int? process = WorkerRecord.TryRead(record)?.Process;
        string? text = File.Exists(Files.Definition) ? await File.ReadAllTextAsync(Files.Definition, _serviceStops).ConfigureAwait(false) : null;
        bool asked = File.Exists(Files.Asked);
        if (_launcher.TryFind(Name) is { } worker)
        {
            worker.EndAsked = asked;
            ServiceLog.Found(_logger, worker.Process.ProcessId);
            Take(worker, text ?? Definition.Text, isNew: false);
            return true;
        }

        if (!was) return false;
        // It has ended while no service was there: as if it did now.
        var end = WorkerEnd.Of(Files, process ?? 0, null);
        Tell(end, asked);
        if (!asked && MayRestart(end)) _ = RestartAsync(TimeSpan.Zero);
        return true;
    }

    /// <summary>Starts it.</summary>
    /// <returns>When the partition runs.</returns>
    /// <exception cref="ControlException">It runs already, or does not start.</exception>
    public async Task StartAsync(CancellationToken cancellation)
    {
        Worker worker = Launch();
        if (await worker.Ready.Task.WaitAsync(cancellation).ConfigureAwait(false)) return;
        WorkerEnd end = await worker.Over.Task.ConfigureAwait(false);
        throw Failed($"{Name} does not start: {end.Detail ?? end.Reason}");
    }

    /// <summary>Asks the guest to power off, and ends the partition when it has not in time.</summary>
    /// <param name="limit">The time; null for the definition's.</param>
    /// <param name="wait">Whether to return at the end.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>How it has ended; null where that is not waited for.</returns>
    /// <exception cref="ControlException">It does not run.</exception>
    public Task<WorkerEnd?> StopAsync(TimeSpan? limit, bool wait, CancellationToken cancellation)
    {
        TimeSpan time = limit ?? Definition.StopTimeout;
        return EndAsync(PartitionVerb.PowerOff, new PowerOffRequest((long)time.TotalMilliseconds), RunningProcess.Terminate, time + KillAfter, wait, cancellation);
    }

    /// <summary>Ends it at once.</summary>
    /// <returns>How it has ended.</returns>
    /// <exception cref="ControlException">It does not run.</exception>
    public Task<WorkerEnd?> KillAsync(CancellationToken cancellation)
        => EndAsync(PartitionVerb.Kill, NoValue.Instance, RunningProcess.Kill, AskingLimit, wait: true, cancellation);

    /// <summary>Has something opened for the worker and given to it. Blocks until it is there.</summary>
    /// <param name="device">What: one of <see cref="GiveRequest"/>'s words.</param>
    /// <param name="text">The words that name it.</param>
    /// <exception cref="ControlException">It does not run, or there is no such device.</exception>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public void Give(string device, string text)
    {
        lock (_lock)
        {
            if (_worker is null) throw Failed($"{Name} is {Words.Of(_state)}: 'vmbus start {Name}' starts it.");
        }

        _devices.Give(RunningDefinition(), device, text);
    }

    private PartitionDefinition RunningDefinition()
    {
        lock (_lock)
        {
            if (_runningText is not { } text || text == _definition.Text) return _definition;
            try
            {
                return DefinitionReader.Read(Name, text);
            }
            catch (DefinitionException)
            {
                // It was one when the worker was started, by an older release.
                return _definition;
            }
        }
    }

    private void Hear(string what, ControlEvent fields)
    {
        if (what == PartitionEventName.LinkLost && fields.Detail is { } link) _devices.Renew(RunningDefinition(), link);
        _publish(what, fields);
    }

    private Worker Launch()
    {
        PartitionDefinition definition;
        lock (_lock)
        {
            if (_worker is not null || _launching) throw Failed($"{Name} is {Words.Of(_launching ? PartitionState.Starting : _state)} already.");
            definition = _definition;
            _launching = true;
            _restart?.Cancel();
            _restart = null;
        }

        try
        {
            Worker worker = _launcher.Launch(definition);
            Take(worker, definition.Text, isNew: true);
            return worker;
        }
        catch (IOException exception)
        {
            lock (_lock) _state = PartitionState.Off;
            throw Failed($"{Name} does not start: {exception.Message}");
        }
        finally
        {
            lock (_lock) _launching = false;
        }
    }

    // A worker that takes no requests gets the signal instead.
    private async Task<WorkerEnd?> EndAsync<TParameters, TResult>(
        ControlVerb<TParameters, TResult> verb, TParameters parameters, int signal, TimeSpan limit, bool wait, CancellationToken cancellation)
        where TParameters : IControlValue<TParameters>
        where TResult : IControlValue<TResult>
    {
        Worker worker;
        lock (_lock)
        {
            if (_restart is { } pending)
            {
                pending.Cancel();
                _restart = null;
                _state = PartitionState.Off;
                return _end;
            }

            worker = _worker ?? throw Failed($"{Name} is off already.");
            worker.EndAsked = true;
            _state = PartitionState.Stopping;
        }

        Files.NoteAsked();
        using (var asking = CancellationTokenSource.CreateLinkedTokenSource(cancellation))
        {
            asking.CancelAfter(AskingLimit);
            try
            {
                ControlClient client = await ControlClient.ConnectAsync(Files.Control, "vmbusd", asking.Token).ConfigureAwait(false);
                await using (client.ConfigureAwait(false)) await client.CallAsync(verb, parameters, asking.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is ControlException || (exception is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                worker.Process.TrySignal(signal);
            }
        }

        _ = KillLateAsync(worker, limit);
        return wait ? await worker.Over.Task.WaitAsync(cancellation).ConfigureAwait(false) : null;
    }

    private async Task KillLateAsync(Worker worker, TimeSpan limit)
    {
        try
        {
            await worker.Gone.WaitAsync(limit, _serviceStops).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            ServiceLog.Killed(_logger, limit.TotalSeconds);
            worker.Process.TrySignal(RunningProcess.Kill);
        }
        catch (OperationCanceledException)
        {
            // The service goes; the worker keeps its time by itself.
        }
    }

    private void Take(Worker worker, string text, bool isNew)
    {
        lock (_lock)
        {
            _worker = worker;
            _runningText = text;
            _state = PartitionState.Starting;
        }

        _ = SuperviseAsync(worker, isNew);
    }

    // From the start of a worker to what follows its end.
    private async Task SuperviseAsync(Worker worker, bool isNew)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        long start = Stopwatch.GetTimestamp();
        try
        {
            var follower = new WorkerFollower(worker, Files, Name, Hear, _logger, isNew);
            await follower.RunAsync(() => SetRunning(worker, isNew), _serviceStops).ConfigureAwait(false);
            bool ran = worker.Ready.Task is { IsCompletedSuccessfully: true, Result: true };
            var end = WorkerEnd.Of(Files, worker.Process.ProcessId, worker.Reap());
            Tell(end, worker.EndAsked || !ran);
            // First how it stands, then those who wait for it.
            bool restarts = ran && !worker.EndAsked && MayRestart(end);
            Task restart = restarts ? RestartAsync(Stopwatch.GetElapsedTime(start)) : Task.CompletedTask;
            worker.Ready.TrySetResult(false);
            worker.Over.SetResult(end);
            await restart.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The service goes; the worker stays.
            worker.Ready.TrySetCanceled(_serviceStops);
            worker.Over.TrySetCanceled(_serviceStops);
        }
#pragma warning disable CA1031 // A bug here is told, and the other partitions go on.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            ServiceLog.TaskFailed(_logger, exception);
            worker.Ready.TrySetException(exception);
            worker.Over.TrySetException(exception);
        }
    }

    private void SetRunning(Worker worker, bool isNew)
    {
        lock (_lock)
        {
            if (_state == PartitionState.Starting) _state = PartitionState.Running;
        }

        if (isNew) ServiceLog.Running(_logger, worker.Process.ProcessId);
        worker.Ready.TrySetResult(true);
    }

    private void Tell(WorkerEnd end, bool asked)
    {
        // Before anybody can start it again, whose files they would be.
        Files.Clear();
        lock (_lock)
        {
            _worker = null;
            _state = PartitionState.Off;
            _end = end;
        }

        string detail = end.Detail is null ? "" : $" ({end.Detail})";
        if (asked || end.Reason == WorkerEnd.PoweredOff) ServiceLog.Ended(_logger, end.Reason, detail);
        else ServiceLog.EndedUnasked(_logger, end.Reason, detail);
        _publish(PartitionEventName.Ended, new ControlEvent(end.Time.ToUnixTimeMilliseconds(), Name, end.Reason, end.Detail, null, null, null));
    }

    private bool MayRestart(WorkerEnd end)
    {
        lock (_lock)
        {
            return !_isUndefined && _definition.Restart switch
            {
                RestartPolicy.Never => false,
                RestartPolicy.OnCrash => end.IsCrash,
                RestartPolicy.Always => true,
            };
        }
    }

    private async Task RestartAsync(TimeSpan ran)
    {
        try
        {
            while (true)
            {
                TimeSpan delay = _delay.Next(ran);
                string policy = Words.Of(Definition.Restart);
                ServiceLog.Restarting(_logger, delay.TotalSeconds, policy);
                _publish(ServiceEventName.Restarting, new ControlEvent(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), Name, null, $"in {delay.TotalSeconds} s, as restart is {policy}", null, null, null));
                using var cancelled = CancellationTokenSource.CreateLinkedTokenSource(_serviceStops);
                lock (_lock)
                {
                    if (_worker is not null || _launching) return;
                    _restart = cancelled;
                    _state = PartitionState.Restarting;
                }

                try
                {
                    await Task.Delay(delay, cancelled.Token).ConfigureAwait(false);
                }
                finally
                {
                    lock (_lock)
                    {
                        if (_restart == cancelled) _restart = null;
                    }
                }

                try
                {
                    await StartAsync(_serviceStops).ConfigureAwait(false);
                    return;
                }
                catch (ControlException exception)
                {
                    ServiceLog.StartFailed(_logger, exception.Message);
                    // Somebody has started it meanwhile, or nobody wants it to be tried on and on.
                    if (IsActive || Definition.Restart != RestartPolicy.Always) return;
                }

                ran = TimeSpan.Zero;
            }
        }
        catch (OperationCanceledException)
        {
            // Somebody has stopped or started it, or the service goes.
        }
    }

    private static ControlException Failed(string message) => new(ControlErrorCode.Failed, message);
}
