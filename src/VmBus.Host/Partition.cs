using System.Diagnostics;
using Microsoft.Extensions.Logging;
using VmBus.Bus;
using VmBus.Bus.Ports;
using VmBus.Bus.Tracing;
using VmBus.Host.Consoles;
using VmBus.Host.Integration;
using VmBus.Host.Joins;
using VmBus.Lanes;
using VmBus.Machine;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;
using VmBus.Providers.DynamicMemory;
using VmBus.Providers.Echo;
using VmBus.Providers.Integration;
using VmBus.Providers.Sockets;
using VmBus.Sockets.Connectors;
using VmBus.Storage.Disks;
using VmBus.Virtio.Remote;

namespace VmBus.Host;

/// <summary>One partition: machine, bus, disks, network adapters and console joined, from power-on to power-off over any number of resets.</summary>
/// <remarks><see cref="Run"/> belongs to one thread; <see cref="Type"/> and <see cref="IPartitionControl"/> may be called from any that is no lane.</remarks>
public sealed class Partition : IPartitionControl, IChannelObserver, IDisposable
{
    private readonly PartitionOptions _options;
    private readonly ILogger _logger;
    private readonly HostFiles _files;
    private readonly GuestMemory _memory;
    private readonly int _laneCount;
    private readonly List<Lane> _lanes = [];
    private readonly BusBridge _bridge = new();
    private readonly VmBusServer _bus;
    private readonly StorageController _storage;
    private readonly VirtioDevices _virtio;
    private readonly FrameCapture? _capture;
    private readonly NetworkAdapters _adapters;
    private readonly SocketProvider? _sockets;
    private readonly PartitionClock _clock = new();
    private readonly IntegrationComponents _integration;
    private readonly PartitionMemory _ram;
    private readonly DynamicMemoryProvider _dynamicMemory;
    private readonly Lock _lock = new();
    private MachineLife? _life;
    private volatile Chipset? _chipset;
    private Timer? _deadline;
    private bool _terminated;
    private long _started;

    private Partition(PartitionOptions options, VirtioConsole? console, ILogger logger)
    {
        _options = options;
        _logger = logger;
        _files = HostFiles.Open(options);
        _memory = GuestMemory.Create(options.MemoryBytes, Math.Max(options.MaximumMemoryBytes, options.MemoryBytes) - options.MemoryBytes);
        _laneCount = Math.Clamp(Math.Min(options.ProcessorCount, Environment.ProcessorCount), 1, 8);
        _storage = OpenStorage();
        _virtio = OpenVirtio(console);
        (_capture, _adapters) = OpenAdapters();
        _sockets = OpenSockets();
        _integration = new IntegrationComponents(options.Name, _clock, _adapters, options.Devices, logger);
        _files.OpenKvm(options.Devices);
        _ram = new PartitionMemory(_memory);
        _dynamicMemory = new DynamicMemoryProvider(_ram, TimeProvider.System, logger);
        for (int i = 0; i < _laneCount; i++) _lanes.Add(Lane.Start($"lane-{i}", logger, new LaneOptions { PollTime = options.PollTime }));
        _virtio.Serve(_lanes, _capture);
        _bus = VmBusServer.Start(new BusPorts(_bridge, _bridge, _bridge, _memory) { Observer = this, Connects = _sockets }, _lanes, options.MaximumVersion, logger);
        _bridge.Attach(_bus);
        _bus.Offer(_storage.Provider);
        _adapters.OfferOn(_bus);
        _sockets?.Attach(_bus);
        _integration.OfferOn(service =>
        {
            if (options.IntegrationServices.Contains(service.Service)) _bus.Offer(service);
        });
        if (options.DynamicMemory && !options.Balloon) _bus.Offer(_dynamicMemory);
        if (options.Echo) _bus.Offer(new EchoProvider(options.EchoByMonitor));
    }

    /// <summary>Opens everything the partition needs and checks it; nothing runs yet.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="console">A virtio console beside the serial line; null for none.</param>
    /// <param name="logger">For what happens.</param>
    /// <exception cref="IOException">A file, a capability of this host or a resource is missing; the message says which and what to do.</exception>
    public static Partition Create(PartitionOptions options, VirtioConsole? console, ILogger logger) => new(options, console, logger);

    /// <summary>Tells what happens to the partition, on the thread where it does; handlers neither block nor throw.</summary>
    public event Action<PartitionEvent>? Happened;

    /// <summary>Runs the guest until it powers off or is ended.</summary>
    public PartitionResult Run(IConsole console)
    {
        ProcessSandbox.Enter(_options, Disks, _logger);
        PartitionResult result = RunToEnd(console);
        Happened?.Invoke(new PartitionEvent.Ended(DateTimeOffset.UtcNow, result));
        return result;
    }

    /// <summary>Gives typed bytes to the guest's serial port; dropped before the first machine runs.</summary>
    public void Type(ReadOnlySpan<byte> bytes) => _chipset?.Type(bytes);

    /// <summary>Gives typed bytes to the guest's virtio console; waits while the guest has not read earlier ones.</summary>
    public void TypeVirtio(ReadOnlySpan<byte> bytes) => _virtio.Console?.Enter(bytes);

    /// <summary>Tells the guest of another size of its virtio console's terminal.</summary>
    public void ResizeVirtioConsole(ConsoleConfig size) => _virtio.Console?.Resize(size);

    /// <inheritdoc/>
    public IReadOnlyList<DiskInfo> Disks => [.. _storage.Disks, .. _virtio.Disks];

    /// <inheritdoc/>
    public DiskInfo AddDisk(DiskOptions options)
    {
        if (options.Id is { } id && _virtio.Has(id)) throw new IOException($"Disk '{options.Path}' cannot have the id '{id}', which a virtio disk has: give another with ,id=ID.");
        return _storage.Add(options);
    }

    /// <inheritdoc/>
    public Task RemoveDiskAsync(string id)
        => _virtio.Has(id) ? throw new IOException($"Disk '{id}' is a virtio device, which a running guest keeps: give it bus=vmbus to be able to remove it.") : _storage.RemoveAsync(id);

    /// <inheritdoc/>
    public DiskInfo ResizeDisk(string id, long? bytes) => _virtio.Has(id) ? _virtio.Resize(id, bytes) : _storage.Resize(id, bytes);

    /// <inheritdoc/>
    public IReadOnlyList<NicInfo> NetworkAdapters => [.. _adapters.Adapters, .. _virtio.Adapters];

    /// <inheritdoc/>
    public NicInfo AddNic(NicOptions options) => options.IsVirtio
        ? throw new IOException($"Network adapter '{options.Name}' has bus=virtio, and virtio devices are there from the start only: use bus=vmbus, or 'vmbus run --nic'.")
        : _adapters.Add(options);

    /// <inheritdoc/>
    public Task RemoveNicAsync(string id) => _adapters.RemoveAsync(id);

    /// <inheritdoc/>
    public IIntegrationControl Integration => _integration;

    /// <inheritdoc/>
    public DynamicMemoryInfo Memory => _virtio.Balloon is { } balloon ? BalloonMemory.Describe(balloon.Describe()) : _dynamicMemory.Describe();

    /// <inheritdoc/>
    public Task<DynamicMemoryInfo> SetMemoryAsync(long bytes, CancellationToken cancellation = default)
        => _virtio.Balloon is { } balloon ? BalloonMemory.SetAsync(balloon, bytes, cancellation) : _dynamicMemory.SetAsync(bytes, cancellation);

    /// <inheritdoc/>
    public Task<Stream> OpenExecAsync(CancellationToken cancellation) => GuestExec.OpenAsync(_options.Exec ? _sockets : null, cancellation);

    /// <inheritdoc/>
    public BusTrace StartTrace(BusTraceOptions options)
        => _bus.TryStartTrace(options with { Name = _options.Name }) ?? throw new IOException($"{_options.Name} is traced as often as may be at a time: end one of the traces.");

    /// <inheritdoc/>
    public PartitionInfo Describe()
    {
        TimeSpan? uptime;
        lock (_lock) uptime = _life is null ? null : Stopwatch.GetElapsedTime(_started);
        return new PartitionInfo(
            _options.Name,
            uptime is null ? PartitionState.Off : PartitionState.Running,
            uptime ?? TimeSpan.Zero,
            _bus.Version?.ToString(),
            _bus.Describe())
        {
            VirtioDisks = _virtio.DiskTraffic,
        };
    }

    /// <inheritdoc/>
    public void RequestPowerOff(TimeSpan limit)
    {
        lock (_lock) _deadline ??= new Timer(_ => Terminate(), null, limit, Timeout.InfiniteTimeSpan);
        _ = AskForPowerOffAsync();
    }

    /// <inheritdoc/>
    public void Terminate()
    {
        lock (_lock)
        {
            _terminated = true;
            _life?.Terminate();
        }
    }

    /// <inheritdoc/>
    void IChannelObserver.ChannelOpened(uint channelId, Guid interfaceType, int subchannelIndex)
        => Happened?.Invoke(new PartitionEvent.ChannelOpened(DateTimeOffset.UtcNow, channelId, interfaceType, subchannelIndex));

    /// <inheritdoc/>
    void IChannelObserver.ChannelClosed(uint channelId, Guid interfaceType, int subchannelIndex)
        => Happened?.Invoke(new PartitionEvent.ChannelClosed(DateTimeOffset.UtcNow, channelId, interfaceType, subchannelIndex));

    /// <inheritdoc/>
    public void Dispose()
    {
        _deadline?.Dispose();
        GiveUp(true);
        _integration.Dispose();
        _adapters.End();
        _sockets?.End();
        _bus.Dispose();
        _dynamicMemory.Dispose();
        _sockets?.Dispose();
        _storage.Dispose();
        _virtio.Dispose();
        _adapters.Dispose();
        _capture?.Dispose();
        foreach (Lane lane in _lanes) lane.Dispose();
        _memory.Dispose();
        _files.Dispose();
    }

    // A guest without the service, or that is too busy to answer it, may still hear the button.
    private async Task AskForPowerOffAsync()
    {
        try
        {
            await _integration.ShutdownAsync(GuestShutdown.PowerOff, force: false, CancellationToken.None).ConfigureAwait(false);
        }
        catch (IOException)
        {
            _chipset?.PressPowerButton();
        }
    }

    private PartitionResult RunToEnd(IConsole console)
    {
        using var chipset = new Chipset(console);
        _chipset = chipset;
        while (true)
        {
            using var life = new MachineLife(_options, _files, _memory, _ram, _bridge, _clock, chipset, _virtio, _logger);
            if (!TryStart(life)) return new PartitionResult(PartitionEnd.Terminated);
            Happened?.Invoke(new PartitionEvent.Started(DateTimeOffset.UtcNow));
            MachineExit exit = life.Wait();
            lock (_lock) _life = null;
            GiveUp(true);
            _bus.Reset();
            _storage.Target.Reset();
            _virtio.Reset();
            _adapters.Reset();
            _sockets?.Reset();
            _integration.Reset();
            _dynamicMemory.Reset();
            GiveUp(false);
            if (ResultOf(exit) is { } result) return result;
            life.Dispose();
            _memory.Discard();
            // The guest is down, so a full collection costs it nothing; without one the garbage of some dozens of resets would add up.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }

    private StorageController OpenStorage()
    {
        try
        {
            return StorageController.Open(_options, _logger, OpenDisk);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }
    }

    private IDisk OpenDisk(DiskOptions disk) => disk.IsVhostUser
        ? RemoteDisk.Open(disk, _memory, _laneCount, _logger, _options.Devices.TakeConnector(new ConnectPlace(ConnectKind.VhostUser, disk.Path)))
        : _options.Devices.OpenDisk(disk, _logger);

    // Without a guest nobody waits for a back-end to come back.
    private void GiveUp(bool givesUp)
    {
        _storage.GiveUp(givesUp);
        _virtio.GiveUp(givesUp);
    }

    private VirtioDevices OpenVirtio(VirtioConsole? console)
    {
        try
        {
            string[] ids = [.. _options.VirtioDisks.Select(static disk => disk.Id).OfType<string>()];
            if (_storage.Disks.FirstOrDefault(disk => ids.Contains(disk.Id)) is { } taken)
                throw new IOException($"Disk '{taken.Path}' has the id '{taken.Id}', and so has one with bus=virtio: give another with ,id=ID.");
            return VirtioDevices.Open(_options, _memory, OpenDisk, console, _logger);
        }
        catch
        {
            _storage.Dispose();
            _memory.Dispose();
            throw;
        }
    }

    private (FrameCapture? Capture, NetworkAdapters Adapters) OpenAdapters()
    {
        FrameCapture? capture = null;
        try
        {
            if (_options.CaptureFile is { } path) capture = OpenCapture(path);
            return (capture, Joins.NetworkAdapters.Open(_options, capture, _logger));
        }
        catch
        {
            capture?.Dispose();
            _virtio.Dispose();
            _storage.Dispose();
            _memory.Dispose();
            throw;
        }
    }

    private SocketProvider? OpenSockets()
    {
        if (_options.Sockets is not { IsVirtio: false } sockets) return _options.Exec ? SocketProvider.CreatePrivate(_logger) : null;
        try
        {
            return SocketProvider.Use(Meetings.Open(sockets, _options.Devices), _logger);
        }
        catch
        {
            _adapters.Dispose();
            _capture?.Dispose();
            _virtio.Dispose();
            _storage.Dispose();
            _memory.Dispose();
            throw;
        }
    }

    private FrameCapture OpenCapture(string path)
    {
        try
        {
            return _options.Devices.TakeFile(path) is { } open ? FrameCapture.Take(path, open, _logger) : FrameCapture.Create(path, _logger);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new IOException($"Capture file '{path}' cannot be written: {exception.Message}", exception);
        }
    }

    private bool TryStart(MachineLife life)
    {
        lock (_lock)
        {
            if (_terminated) return false;
            _life = life;
            _started = Stopwatch.GetTimestamp();
            life.Start();
            return true;
        }
    }

    private static string Describe(ResetSource source) => source switch
    {
        ResetSource.ResetControlRegister => "port 0xcf9",
        ResetSource.KeyboardController => "the keyboard controller",
        ResetSource.ResetMsr => "the hypervisor's reset register",
        _ => "a triple fault",
    };

    private PartitionResult? ResultOf(MachineExit exit)
    {
        switch (exit.Kind)
        {
            case MachineExitKind.PowerOff:
                return new PartitionResult(PartitionEnd.PoweredOff);
            case MachineExitKind.Reset:
                HostLog.GuestReset(_logger, _options.Name, exit.Source!.Value);
                Happened?.Invoke(new PartitionEvent.Reset(DateTimeOffset.UtcNow, Describe(exit.Source!.Value)));
                return _options.EndOnReset ? new PartitionResult(PartitionEnd.Reset, Describe(exit.Source!.Value)) : null;
            case MachineExitKind.Crashed:
                Happened?.Invoke(new PartitionEvent.Crashed(DateTimeOffset.UtcNow, exit.Crash!.ToString()));
                return new PartitionResult(PartitionEnd.Crashed, exit.Crash!.ToString());
            case MachineExitKind.Stopped:
                return new PartitionResult(PartitionEnd.Terminated);
            case MachineExitKind.Failed:
                return new PartitionResult(PartitionEnd.Failed, exit.Failure!);
        }

        throw new InvalidOperationException($"Unknown machine exit {exit.Kind}");
    }
}
