using Microsoft.Extensions.Logging;
using VmBus.Control.Server;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Native.Linux;
using VmBus.Service.Definitions;
using VmBus.Service.Hosting;
using VmBus.Service.Workers;

namespace VmBus.Service.Partitions;

/// <summary>The partitions that there are: those that are defined, and those that still run.</summary>
/// <remarks>Any thread.</remarks>
internal sealed class PartitionRegistry : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Lock _reading = new();
    private readonly SortedDictionary<string, ManagedPartition> _partitions = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stops = new();
    private readonly DefinitionFolder _folder;
    private readonly ServiceOptions _options;
    private readonly WorkerLauncher _launcher;
    private readonly EventHub _events;
    private readonly ILogger _logger;
    private IReadOnlyDictionary<string, string> _problems = new Dictionary<string, string>();

    /// <summary>No partitions.</summary>
    public PartitionRegistry(ServiceOptions options, WorkerLauncher launcher, EventHub events, ILogger<PartitionRegistry> logger)
    {
        _options = options;
        _folder = new DefinitionFolder(options.Definitions);
        _launcher = launcher;
        _events = events;
        _logger = logger;
    }

    /// <summary>All of them in the order of their names.</summary>
    public IReadOnlyList<ManagedPartition> All
    {
        get
        {
            lock (_lock) return [.. _partitions.Values];
        }
    }

    /// <summary>What is wrong with the files, a line each.</summary>
    public IReadOnlyList<string> Problems
    {
        get
        {
            lock (_lock) return [.. _problems.Values];
        }
    }

    /// <summary>Reads the definitions, finds the partitions that run, and starts those that are to start with the service.</summary>
    /// <exception cref="IOException">The definitions cannot be read.</exception>
    public async Task BeginAsync()
    {
        _folder.Create();
        if (_launcher.WithoutUsers is { } reason && FileOwner.CurrentUser == 0) ServiceLog.WorkersStayRoot(_logger, reason);
        Load();
        foreach (string name in WorkerFiles.Names(_options.State).Where(name => DefinitionReader.IsName(name) && Find(name) is null)) AddLeft(name);
        foreach (ManagedPartition partition in All)
        {
            try
            {
                if (!await partition.FindAsync().ConfigureAwait(false) && partition.Definition.Autostart) _ = StartBySelfAsync(partition);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // One partition's trouble is not the others'.
                ServiceLog.StartFailed(new PartitionLogger(_logger, partition.Definition.Name), exception.Message);
            }
        }

        DropGone();
    }

    /// <summary>Reads the definition files again. Workers are left alone.</summary>
    /// <returns>What is wrong with the files, a line each.</returns>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public IReadOnlyList<string> Load()
    {
        lock (_reading)
        {
            IReadOnlyDictionary<string, (PartitionDefinition? Definition, string? Problem)> files = _folder.ReadAll();
            List<(string Event, string Name)> changes = [];
            var problems = new SortedDictionary<string, string>(
                files.Where(static file => file.Value.Problem is not null).ToDictionary(static file => file.Key, static file => file.Value.Problem!), StringComparer.Ordinal);
            IReadOnlyDictionary<string, string> before;
            lock (_lock)
            {
                foreach ((string name, (PartitionDefinition? definition, string? problem)) in files)
                {
                    if (_partitions.TryGetValue(name, out ManagedPartition? known))
                    {
                        if (definition is not null && definition.Text != known.Definition.Text) changes.Add((ServiceEventName.Defined, name));
                        known.Redefine(definition, problem);
                    }
                    else if (definition is not null)
                    {
                        _partitions.Add(name, Make(definition));
                        changes.Add((ServiceEventName.Defined, name));
                    }
                }

                foreach ((string name, ManagedPartition known) in _partitions.Where(one => !files.ContainsKey(one.Key)).ToArray())
                {
                    // One that runs stays until it has ended.
                    if (!known.Undefine()) continue;
                    _partitions.Remove(name);
                    changes.Add((ServiceEventName.Undefined, name));
                }

                (before, _problems) = (_problems, problems);
            }

            foreach (string problem in problems.Values.Except(before.Values)) ServiceLog.BadDefinition(_logger, problem);
            foreach ((string what, string name) in changes) Publish(what, new ControlEvent(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), name, null, null, null, null, null));
            if (changes.Count > 0) ServiceLog.Read(_logger, All.Count);
            return [.. problems.Values];
        }
    }

    /// <summary>A partition by its name.</summary>
    /// <exception cref="ControlException">There is none.</exception>
    public ManagedPartition Get(string name)
    {
        if (Find(name) is { } partition) return partition;
        lock (_lock)
        {
            if (_problems.TryGetValue(name, out string? problem)) throw new ControlException(ControlErrorCode.Failed, $"There is no partition '{name}', as its definition is wrong: {problem}.");
        }

        string[] names = [.. All.Select(static one => one.Definition.Name)];
        string known = names.Length switch
        {
            0 => "none is defined",
            <= 20 => $"there are {string.Join(", ", names)}",
            _ => "'vmbus list' shows them",
        };
        throw new ControlException(ControlErrorCode.Failed, $"There is no partition '{name}': {known}.");
    }

    /// <summary>Writes a definition and takes it.</summary>
    /// <exception cref="ControlException">It is no definition, or there is one and it is not to be replaced.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public ManagedPartition Define(string name, string text, bool replace)
    {
        PartitionDefinition definition;
        try
        {
            definition = DefinitionReader.Read(name, text);
        }
        catch (DefinitionException exception)
        {
            throw new ControlException(ControlErrorCode.BadParameters, $"{name}: {exception.Message}.", exception);
        }

        if (!replace && Find(name) is not null) throw new ControlException(ControlErrorCode.Failed, $"{name} is defined already: give --replace, or another name.");
        _folder.Write(definition);
        Load();
        return Get(name);
    }

    /// <summary>Removes a definition.</summary>
    /// <exception cref="ControlException">There is none, or the partition runs.</exception>
    /// <exception cref="IOException">It cannot be removed.</exception>
    public void Undefine(string name)
    {
        if (Get(name).IsActive) throw new ControlException(ControlErrorCode.Failed, $"{name} runs: 'vmbus stop {name}' first.");
        _folder.Remove(name);
        Load();
    }

    /// <summary>Changes whether a partition is started with the service.</summary>
    /// <exception cref="ControlException">The definition has no room for it.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public ManagedPartition SetAutostart(string name, bool enabled)
    {
        ManagedPartition partition = Get(name);
        if (partition.Definition.Autostart == enabled) return partition;
        try
        {
            _folder.Write(DefinitionFolder.WithAutostart(partition.Definition, enabled));
        }
        catch (DefinitionException exception)
        {
            throw new ControlException(ControlErrorCode.Failed, $"{name}: {exception.Message} when it says so: write \"autostart\" into it yourself.", exception);
        }

        Load();
        return partition;
    }

    /// <summary>The service ends; workers run on.</summary>
    public void Leave()
    {
        int count = All.Count(static partition => partition.IsActive);
        if (!_stops.IsCancellationRequested) ServiceLog.Leaving(_logger, count);
        _stops.Cancel();
    }

    /// <inheritdoc/>
    public void Dispose() => _stops.Dispose();

    private ManagedPartition? Find(string name)
    {
        lock (_lock) return _partitions.GetValueOrDefault(name);
    }

    private ManagedPartition Make(PartitionDefinition definition) => new(definition, _launcher, Publish, _logger, _stops.Token);

    // A worker whose definition file is gone is known by the definition that it was started with.
    private void AddLeft(string name)
    {
        try
        {
            string path = _launcher.FilesOf(name).Definition;
            if (!File.Exists(path)) return;
            ManagedPartition partition = Make(DefinitionReader.Read(name, File.ReadAllText(path)));
            partition.Undefine();
            lock (_lock) _partitions.Add(name, partition);
        }
        catch (Exception exception) when (exception is DefinitionException or IOException or UnauthorizedAccessException)
        {
            ServiceLog.BadDefinition(_logger, $"{name}: {exception.Message}");
        }
    }

    private async Task StartBySelfAsync(ManagedPartition partition)
    {
        try
        {
            await partition.StartAsync(_stops.Token).ConfigureAwait(false);
        }
        catch (ControlException exception)
        {
            ServiceLog.StartFailed(new PartitionLogger(_logger, partition.Definition.Name), exception.Message);
        }
        catch (OperationCanceledException)
        {
            // The service goes.
        }
    }

    private void Publish(string name, ControlEvent fields)
    {
        _events.Publish(name, fields);
        if (name == PartitionEventName.Ended) DropGone();
    }

    private void DropGone()
    {
        lock (_lock)
        {
            foreach ((string name, ManagedPartition partition) in _partitions.ToArray())
            {
                if (!partition.IsActive && !File.Exists(Path.Combine(_folder.Path, name + DefinitionFolder.Extension))) _partitions.Remove(name);
            }
        }
    }
}
