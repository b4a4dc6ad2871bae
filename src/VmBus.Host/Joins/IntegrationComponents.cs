using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using VmBus.Host.Devices;
using VmBus.Host.Integration;
using VmBus.Native.Linux;
using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;

namespace VmBus.Host.Joins;

/// <summary>The partition's six integration services, joined to its clock and its network adapters. They stay offered over guest resets.</summary>
internal sealed class IntegrationComponents : IIntegrationControl, IDisposable
{
    // A partition that is ended anyway does not wait long for file systems that it must not leave at rest.
    private static readonly TimeSpan ThawLimit = TimeSpan.FromSeconds(5);

    private readonly IntegrationProvider[] _providers;
    private readonly NetworkAdapters _adapters;
    private readonly ShutdownService _shutdown;
    private readonly HeartbeatService _heartbeat;
    private readonly TimeSyncService _time;
    private readonly KeyValueService _items;
    private readonly BackupService _backup;
    private readonly FileCopyService _files;
    private readonly IDeviceOpener _devices;

    /// <summary>Services that no guest has opened.</summary>
    /// <param name="partition">The partition's name, which the guest is told.</param>
    /// <param name="clock">What its time is synchronized with.</param>
    /// <param name="adapters">Whose addresses the guest is asked for.</param>
    /// <param name="devices">Where files come from that are open.</param>
    /// <param name="logger">Where they report.</param>
    public IntegrationComponents(string partition, IGuestClock clock, NetworkAdapters adapters, IDeviceOpener devices, ILogger logger)
    {
        _providers = [.. IntegrationServices.All.Select(service => new IntegrationProvider(service, TimeProvider.System, logger))];
        _adapters = adapters;
        _devices = devices;
        _shutdown = new ShutdownService(Of(IntegrationServices.Shutdown));
        _heartbeat = new HeartbeatService(Of(IntegrationServices.Heartbeat));
        _time = new TimeSyncService(Of(IntegrationServices.TimeSync), clock);
        _items = new KeyValueService(Of(IntegrationServices.KeyValueExchange), HostItems(partition));
        _backup = new BackupService(Of(IntegrationServices.Backup));
        _files = new FileCopyService(Of(IntegrationServices.FileCopy));
    }

    /// <inheritdoc/>
    public IReadOnlyList<IntegrationInfo> Services =>
        [.. _providers.Select(static provider => new IntegrationInfo(provider.Service, provider.Contact, provider.Version))];

    /// <inheritdoc/>
    public HeartbeatInfo Heartbeat => _heartbeat.Describe();

    /// <inheritdoc/>
    public bool MayBeFrozen => _backup.MayBeFrozen;

    /// <summary>Has each service offered, in their order. Called once.</summary>
    public void OfferOn(Action<IntegrationProvider> offer) => Array.ForEach(_providers, offer);

    /// <summary>The machine has been reset and every channel is closed.</summary>
    public void Reset() => _backup.Reset();

    /// <inheritdoc/>
    public async Task ShutdownAsync(GuestShutdown action, bool force, CancellationToken cancellation = default)
    {
        if (_backup.MayBeFrozen)
        {
            // A guest whose file systems rest cannot end its programs.
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(ThawLimit);
            try
            {
                await _backup.ThawAsync(limit.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException && !cancellation.IsCancellationRequested)
            {
                // It is tried again by itself; the guest is asked all the same.
            }
        }

        await _shutdown.RequestAsync(action, force, cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task SynchronizeTimeAsync(CancellationToken cancellation = default) => _time.SynchronizeAsync(cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyList<KvpValue>> ListItemsAsync(KvpPool pool, CancellationToken cancellation = default) => _items.ListAsync(pool, cancellation);

    /// <inheritdoc/>
    public Task<string?> GetItemAsync(KvpPool pool, string key, CancellationToken cancellation = default) => _items.GetAsync(pool, key, cancellation);

    /// <inheritdoc/>
    public Task SetItemAsync(KvpPool pool, string key, string value, CancellationToken cancellation = default) => _items.SetAsync(pool, key, value, cancellation);

    /// <inheritdoc/>
    public Task<bool> RemoveItemAsync(KvpPool pool, string key, CancellationToken cancellation = default) => _items.RemoveAsync(pool, key, cancellation);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<GuestAddresses>> ReadAddressesAsync(CancellationToken cancellation = default)
    {
        List<GuestAddresses> all = [];
        foreach (NicInfo nic in _adapters.Adapters.Where(static nic => nic.State == NicState.Attached))
            all.Add(new GuestAddresses(nic, await _items.GetAddressesAsync(nic.Address.ToString(), cancellation).ConfigureAwait(false)));
        return all;
    }

    /// <inheritdoc/>
    public Task SetAddressesAsync(string nic, KvpAddresses addresses, CancellationToken cancellation = default)
        => _items.SetAddressesAsync(addresses with { Adapter = _adapters.InstanceOf(nic).ToString("B") }, cancellation);

    /// <inheritdoc/>
    public Task FreezeAsync(TimeSpan limit, CancellationToken cancellation = default) => _backup.FreezeAsync(limit, cancellation);

    /// <inheritdoc/>
    public Task ThawAsync(CancellationToken cancellation = default) => _backup.ThawAsync(cancellation);

    /// <inheritdoc/>
    public async Task<long> CopyFileAsync(string path, string guestPath, FileCopyFlags flags, CancellationToken cancellation = default)
    {
        using LinuxFile? open = _devices.TakeFile(path);
        using SafeFileHandle? file = open is null ? null : new SafeFileHandle(open.Release(), ownsHandle: true);
        return await _files.CopyAsync(path, file, guestPath, flags, cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public (long Copied, long Bytes)? CopyProgress => _files.Progress;

    /// <inheritdoc/>
    public void Dispose() => _backup.Dispose();

    // What Hyper-V tells its guests, as far as it is true here.
    private static KvpValue[] HostItems(string partition) =>
    [
        new("HostName", Environment.MachineName),
        new("HostingSystemProcessorArchitecture", "9"),
        new("PhysicalHostName", Environment.MachineName),
        new("PhysicalHostNameFullyQualified", Environment.MachineName),
        new("VirtualMachineDynamicMemoryBalancingEnabled", "0"),
        new("VirtualMachineId", StableIds.Create("partition", partition).ToString().ToUpperInvariant()),
        new("VirtualMachineName", partition.Length < KvpValue.ValueFieldBytes / 2 ? partition : ""),
    ];

    private IntegrationProvider Of(IntegrationService service) => Array.Find(_providers, provider => provider.Service == service)!;
}
