using System.Diagnostics;
using Microsoft.Extensions.Logging;
using VmBus.Bus;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Providers.Network;

namespace VmBus.Host.Joins;

/// <summary>The partition's network adapters, which come and go while the guest runs. Their links stay open over guest resets.</summary>
/// <remarks>
/// Any thread but a lane. An id that became free may be used again at once: it makes the same adapter for the guest, with the same address, and
/// the bus offers that when the guest has let go of the one before.
/// </remarks>
internal sealed class NetworkAdapters : IDisposable
{
    /// <summary>Adapters of one partition, as Hyper-V documents it.</summary>
    public const int MaximumCount = 8;

    // A guest's processor that is in the middle of a write goes on within these looks, if it is not kept from running for longer.
    private const int QuietLooks = 5;
    private static readonly TimeSpan QuietTime = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan QuietLimit = TimeSpan.FromSeconds(10);

    private readonly string _partition;
    private readonly int _processorCount;
    private readonly Func<NicOptions, ILink> _open;
    private readonly FrameCapture? _capture;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly List<NetworkAdapter> _adapters = [];
    private VmBusServer? _bus;
    private volatile bool _ended;

    /// <summary>A partition without adapters.</summary>
    /// <param name="partition">The partition's name, which the identities of the adapters are made from.</param>
    /// <param name="processorCount">Most queues of an adapter.</param>
    /// <param name="open">Opens links, or says by a <see cref="LinkException"/> why not.</param>
    /// <param name="capture">Where copies of all frames go; null for nowhere. It belongs to the caller.</param>
    /// <param name="logger">Where it reports.</param>
    public NetworkAdapters(string partition, int processorCount, Func<NicOptions, ILink> open, FrameCapture? capture, ILogger logger)
    {
        _partition = partition;
        _processorCount = processorCount;
        _open = open;
        _capture = capture;
        _logger = logger;
    }

    /// <summary>The adapters now, in the order they came.</summary>
    public IReadOnlyList<NicInfo> Adapters
    {
        get
        {
            lock (_lock) return [.. _adapters.Select(static adapter => adapter.Describe())];
        }
    }

    /// <summary>The partition's first adapters, with their links open.</summary>
    /// <exception cref="IOException">A link cannot be opened; the ones before it are closed again.</exception>
    public static NetworkAdapters Open(PartitionOptions options, FrameCapture? capture, ILogger logger)
    {
        NicOptions[] synthetic = [.. options.NetworkAdapters.Where(static nic => !nic.IsVirtio)];
        if (synthetic.Length > MaximumCount)
            throw new IOException($"{synthetic.Length} network adapters were given; a partition takes {MaximumCount}: leave some out.");
        var adapters = new NetworkAdapters(options.Name, options.ProcessorCount, nic => Links.Open(nic, options.ProcessorCount, options.Devices, logger), capture, logger);
        try
        {
            foreach (NicOptions nic in synthetic) adapters.Add(nic);
            return adapters;
        }
        catch
        {
            adapters.Dispose();
            throw;
        }
    }

    /// <summary>Offers the adapters on a bus, those that are added later too. Called once.</summary>
    public void OfferOn(VmBusServer bus)
    {
        lock (_lock)
        {
            _bus = bus;
            foreach (NetworkAdapter adapter in _adapters.Where(static adapter => adapter.State == NicState.Attached)) bus.Offer(adapter.Provider!);
        }
    }

    /// <summary>See <see cref="IPartitionControl.AddNic"/>.</summary>
    public NicInfo Add(NicOptions options)
    {
        NetworkAdapter adapter = Reserve(options);
        try
        {
            ILink link = _open(options);
            lock (_lock) adapter.Link = link;
            link.Capture = _capture;
            int queues = Math.Min(_processorCount, options.Queues ?? NetworkOptions.MaximumQueueLimit);
            var provider = new NetworkProvider(
                link, adapter.Instance, new NetworkOptions(adapter.Address) { MaximumQueues = Math.Min(queues, NetworkOptions.MaximumQueueLimit) }, _logger);
            lock (_lock)
            {
                adapter.Provider = provider;
                ThrowIfEnded();
                Offer(provider, options);
                adapter.State = NicState.Attached;
            }
        }
        catch
        {
            lock (_lock) _adapters.Remove(adapter);
            adapter.Close();
            throw;
        }

        HostLog.NetworkAdapterOpened(_logger, _partition, adapter.Id, options.Name, adapter.Address);
        return adapter.Describe();
    }

    /// <summary>The instance that the guest knows an adapter by.</summary>
    /// <exception cref="IOException">There is no such adapter.</exception>
    public Guid InstanceOf(string id)
    {
        lock (_lock) return Find(id).Instance;
    }

    /// <summary>See <see cref="IPartitionControl.RemoveNicAsync"/>.</summary>
    public Task RemoveAsync(string id)
    {
        NetworkAdapter adapter;
        lock (_lock)
        {
            adapter = Find(id);
            if (adapter.State == NicState.Opening) throw new IOException($"Network adapter '{id}' is still being opened: wait until it is there.");
            if (adapter.State == NicState.Removing) return adapter.Removed.Task;
            ThrowIfEnded();
            adapter.State = NicState.Removing;
        }

        // The bus answers when the link has given back every frame, and a link may end a process: nothing for the caller to wait for.
        _ = Task.Run(() => WithdrawAsync(adapter));
        return adapter.Removed.Task;
    }

    /// <summary>The machine has been reset and every channel is closed: what the guest has set is forgotten.</summary>
    public void Reset()
    {
        lock (_lock)
        {
            foreach (NetworkAdapter adapter in _adapters) adapter.Provider?.Reset();
        }
    }

    /// <summary>Ends all coming and going; returns when the adapters that were being removed are gone. The bus still runs.</summary>
    public void End()
    {
        NetworkAdapter[] going;
        lock (_lock)
        {
            _ended = true;
            going = [.. _adapters.Where(static adapter => adapter.State == NicState.Removing)];
        }

        foreach (NetworkAdapter adapter in going) Task.WhenAny(adapter.Removed.Task).Wait();
    }

    /// <summary>Closes the links. The bus must have let go of the adapters.</summary>
    public void Dispose()
    {
        End();
        NetworkAdapter[] left;
        lock (_lock)
        {
            left = [.. _adapters.Where(static adapter => adapter.State == NicState.Attached)];
            _adapters.Clear();
        }

        foreach (NetworkAdapter adapter in left) adapter.Close();
    }

    private NetworkAdapter Reserve(NicOptions options)
    {
        lock (_lock)
        {
            ThrowIfEnded();
            if (_adapters.Count == MaximumCount)
            {
                throw new IOException(
                    $"Network adapter '{options.Name}' does not fit: a partition takes {MaximumCount} network adapters; leave it out or remove another.");
            }

            string id = options.Id ?? Enumerable.Range(0, MaximumCount).Select(static index => $"nic{index}").First(id => !_adapters.Exists(other => other.Id == id));
            if (_adapters.Find(adapter => adapter.Id == id) is { } other)
            {
                throw new IOException(
                    $"Network adapter '{options.Name}' cannot have the id '{id}', which belongs to '{other.Options.Name}'"
                    + $"{(other.State == NicState.Removing ? " until its removal has ended" : "")}: give another with ,id=ID.");
            }

            var reserved = new NetworkAdapter(_partition, id, options);
            _adapters.Add(reserved);
            return reserved;
        }
    }

    private void Offer(NetworkProvider provider, NicOptions options)
    {
        try
        {
            _bus?.Offer(provider);
        }
        catch (InvalidOperationException exception)
        {
            throw new IOException(
                $"Network adapter '{options.Name}' cannot be offered: the guest keeps all channel ids, also those of devices that are gone; reset it.", exception);
        }
    }

    // In this order: while the bus serves a channel the link must be there, and while the provider listens it must not be closed.
    private async Task WithdrawAsync(NetworkAdapter adapter)
    {
        Exception? failure = null;
        try
        {
            if (_bus is not null)
            {
                await QuiesceAsync(adapter.Provider!).ConfigureAwait(false);
                _bus.Remove(adapter.Provider!);
            }

            adapter.Close();
        }
#pragma warning disable CA1031 // Whoever waits for the removal gets every failure: nobody is above, and without an answer they wait for ever.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception;
        }

        lock (_lock) _adapters.Remove(adapter);
        HostLog.NetworkAdapterClosed(_logger, _partition, adapter.Id, adapter.Options.Name);
        if (failure is null) adapter.Removed.SetResult();
        else adapter.Removed.SetException(failure);
    }

    // Linux waits without end for the completion of a frame that it wrote after the host had read its ring for the last time, and takes none after it has
    // heard of the rescind. So its rings are full to it, and it has every answer, before it hears. One that does not run is not waited for without end.
    private async Task QuiesceAsync(NetworkProvider provider)
    {
        long started = Stopwatch.GetTimestamp();
        for (int looks = 0; looks < QuietLooks && provider.Queues.Count != 0 && !_ended && Stopwatch.GetElapsedTime(started) < QuietLimit;)
        {
            looks = await provider.QuiesceAsync().ConfigureAwait(false) ? looks + 1 : 0;
            await Task.Delay(QuietTime).ConfigureAwait(false);
        }
    }

    private NetworkAdapter Find(string id)
    {
        if (_adapters.Find(adapter => adapter.Id == id) is { } found) return found;
        string known = _adapters.Count == 0 ? "there is none" : $"there are {string.Join(", ", _adapters.Select(static adapter => adapter.Id))}";
        throw new IOException($"There is no network adapter '{id}': {known}.");
    }

    private void ThrowIfEnded()
    {
        if (_ended) throw new IOException("The partition has ended: it takes no network adapters any more.");
    }
}
