using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using VmBus.Control.Server;
using VmBus.Control.Verbs;
using VmBus.Service.Partitions;
using VmBus.Service.Verbs;

namespace VmBus.Service.Hosting;

/// <summary>The service from its start to its end: takes the state folder, finds what runs, and answers on its socket.</summary>
internal sealed class PartitionService : IHostedService, IDisposable
{
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(300);

    private readonly ServiceOptions _options;
    private readonly PartitionRegistry _registry;
    private readonly EventHub _events;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stops = new();
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private StateLock? _lock;
    private ControlSocket? _socket;
    private ControlServer? _server;
    private FileSystemWatcher? _watcher;
    private Task _reloading = Task.CompletedTask;

    /// <summary>Does nothing yet.</summary>
    public PartitionService(ServiceOptions options, PartitionRegistry registry, EventHub events, ILogger<PartitionService> logger)
    {
        _options = options;
        _registry = registry;
        _events = events;
        _logger = logger;
    }

    /// <summary>What clients may take: requests that wait for a guest's end hold no thread, so there may be many.</summary>
    public static ControlLimits Limits { get; } = new() { Connections = 256, Requests = 256 };

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _lock = StateLock.Take(_options.State);
        _socket = ControlSocket.Claim(new ControlSocketOptions(_options.Socket, _options.Group));
        await _registry.BeginAsync().ConfigureAwait(false);
        Watch();
        var services = new ControlServices(
            $"vmbusd {typeof(PartitionService).Assembly.GetName().Version?.ToString(3)}", new VerbTable(new ServiceVerbs(_registry)), _events, null, null, Limits, _logger);
        _server = ControlServer.Start(_socket, services);
        ServiceLog.Serving(_logger, _options.Socket, _options.Definitions);
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _watcher?.Dispose();
        await _stops.CancelAsync().ConfigureAwait(false);
        await _reloading.ConfigureAwait(false);
        _server?.Dispose();
        _registry.Leave();
        _socket?.Dispose();
        _lock?.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => _stops.Dispose();

    // Editors write a file in several steps: it is read when they have been quiet for a moment.
    private void Watch()
    {
        try
        {
            _watcher = new FileSystemWatcher(_options.Definitions, "*.json") { NotifyFilter = NotifyFilters.FileName | NotifyFilters.LastWrite };
            _watcher.Changed += Note;
            _watcher.Created += Note;
            _watcher.Deleted += Note;
            _watcher.Renamed += Note;
            _watcher.Error += (_, _) => _changes.Writer.TryWrite(true);
            _watcher.EnableRaisingEvents = true;
            _reloading = ReloadAsync();
        }
        catch (IOException exception)
        {
            ServiceLog.NotNoticed(_logger, _options.Definitions, exception.Message);
        }

        void Note(object sender, FileSystemEventArgs change) => _changes.Writer.TryWrite(true);
    }

    private async Task ReloadAsync()
    {
        try
        {
            while (await _changes.Reader.WaitToReadAsync(_stops.Token).ConfigureAwait(false))
            {
                do
                {
                    while (_changes.Reader.TryRead(out _))
                    {
                    }

                    await Task.Delay(Settle, _stops.Token).ConfigureAwait(false);
                }
                while (_changes.Reader.TryPeek(out _));
                try
                {
                    _registry.Load();
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
                {
                    ServiceLog.Unreadable(_logger, exception.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The service ends.
        }
    }
}
