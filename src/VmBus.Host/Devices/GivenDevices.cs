using Microsoft.Extensions.Logging;
using VmBus.Machine;
using VmBus.Native.Linux;
using VmBus.Network.Links;
using VmBus.Protocol.Text;
using VmBus.Sockets.Connectors;
using VmBus.Storage.Disks;

namespace VmBus.Host.Devices;

/// <summary>Devices and files that another process has opened for this one, which then needs no rights of its own to them.</summary>
/// <remarks>
/// What a partition starts with comes by a connection that this process is born with. More comes, while the partition runs, at a socket that came with it: from whoever has its owner's
/// rights. Each thing waits until it is taken, for a time. Where no socket came, what was not given is opened here, as far as this process may. Any thread.
/// Source: protocol-spec/given.md.
/// </remarks>
public sealed class GivenDevices : IDeviceOpener, IDisposable
{
    // Longer than whoever gives something takes to have it used, and short enough for the lock of an image that nobody uses.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan MessageLimit = TimeSpan.FromSeconds(10);

    // More than a partition has disks, adapters and files at its start.
    private const int MaximumWaiting = 256;

    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly List<GivenItem> _items = [];
    private readonly List<(NicOptions Options, WeakReference<IGivenLink> Link)> _links = [];
    private readonly EventFd _stop = EventFd.Create();
    private readonly Timer _clearing;
    private LinuxFile? _socket;
    private Thread? _thread;
    private DescriptorSocket? _sender;

    private GivenDevices(ILogger logger)
    {
        _logger = logger;
        _clearing = new Timer(_ => DropOld(), null, CheckPeriod, CheckPeriod);
    }

    /// <summary>Tells, on any thread, that the other end of a link has gone, by the words that it was given with: it is to be given anew. Told again from time to time.</summary>
    public event Action<string>? LinkLost;

    /// <inheritdoc/>
    public bool StartsPrograms => false;

    /// <summary>Disks that are not among the words of the command line, as they were given, in their order.</summary>
    public IReadOnlyList<DiskOptions> FurtherDisks
    {
        get
        {
            lock (_gate) return [.. _items.Where(static item => item.Kind == GivenKind.FurtherDisk).Select(static item => DeviceGiver.ParseDisk(item.Text))];
        }
    }

    /// <summary>Takes what is given by a connection, to its end, and listens at the socket when one is among it.</summary>
    /// <param name="connection">The connection; it is closed.</param>
    /// <param name="logger">For what is wrong with what comes later.</param>
    /// <exception cref="IOException">The bytes are no messages.</exception>
    public static GivenDevices Receive(LinuxFile connection, ILogger logger)
    {
        var devices = new GivenDevices(logger);
        try
        {
            using DescriptorSocket from = DescriptorSocket.Take(connection);
            var reader = new GivenReader(from);
            while (reader.Read() is { } item) devices.Add(item);
            devices.Listen();
            return devices;
        }
        catch
        {
            devices.Dispose();
            throw;
        }
    }

    /// <summary>Whether a file of this path was given and not taken.</summary>
    public bool HasFile(string path)
    {
        lock (_gate) return _items.Exists(item => item.Kind == GivenKind.File && item.Text == path);
    }

    /// <inheritdoc/>
    public KvmHost OpenKvm() => Take(static item => item.Kind == GivenKind.Kvm) is { } item ? KvmHost.Take(item.Files[0]) : KvmHost.Open();

    /// <inheritdoc/>
    public LinuxFile? TakeFile(string path)
    {
        if (Take(item => item.Kind == GivenKind.File && item.Text == path) is { } item) return item.Files[0];
        return _socket is null ? null : throw NotGiven($"'{path}'", "copy");
    }

    /// <inheritdoc/>
    public DiskOptions Resolve(DiskOptions options)
    {
        // It has no format, and is looked at by whoever connects to it.
        if (options.IsVhostUser) return DiskFactory.Resolve(options);
        GivenItem? item;
        lock (_gate) item = _items.Find(item => IsDisk(item) && DeviceGiver.ParseDisk(item.Text) == options);
        if (item is not null) return ResolvedBy(item);
        return _socket is null ? DiskFactory.Resolve(options) : throw NotGiven($"Disk '{options.Path}'", "disk add");
    }

    /// <inheritdoc/>
    public IDisk OpenDisk(DiskOptions options, ILogger logger)
    {
        if (Take(item => IsDisk(item) && ResolvedBy(item) == options) is { } item) return DiskFactory.Use(new DiskDescriptors(options, item.Files), logger);
        return _socket is null ? DiskFactory.Open(options, logger) : throw NotGiven($"Disk '{options.Path}'", "disk add");
    }

    /// <inheritdoc/>
    public ILink OpenLink(NicOptions options, ILogger logger)
    {
        if (Take(item => item is { Kind: GivenKind.Nic, Detail: not GivenHeader.Renewed } && NicOptions.Parse(item.Text) == options) is not { } item)
            return _socket is null ? LinkFactory.Open(options, logger) : throw NotGiven($"Network adapter '{options.Name}'", "nic add");
        IGivenLink link = LinkFactory.Use(new LinkDescriptors(options, item.Files), () => LinkLost?.Invoke(item.Text), logger);
        lock (_gate)
        {
            _links.RemoveAll(static known => !known.Link.TryGetTarget(out _));
            _links.Add((options, new WeakReference<IGivenLink>(link)));
        }

        return link;
    }

    /// <inheritdoc/>
    public HostConnector? TakeConnector(ConnectPlace place)
    {
        string words = place.ToString();
        return Take(item => item.Kind == GivenKind.Connector && item.Text == words) is { } item ? new HostConnector(item.Files[0]) : null;
    }

    /// <summary>Closes what nobody has taken; nothing comes any more.</summary>
    public void Dispose()
    {
        _clearing.Dispose();
        _stop.Signal();
        // One that has stopped within a message is not waited for.
        lock (_gate) _sender?.Shutdown();
        _thread?.Join();
        lock (_gate)
        {
            foreach (GivenItem item in _items) item.Dispose();
            _items.Clear();
        }

        _socket?.Dispose();
        _stop.Dispose();
    }

    private static bool IsDisk(GivenItem item) => item.Kind is GivenKind.Disk or GivenKind.FurtherDisk;

    private static DiskOptions ResolvedBy(GivenItem item) => DeviceGiver.ParseDisk(item.Text) with { Format = DiskFactory.FormatOfWord(item.Detail) ?? DiskFormat.Automatic };

    private static IOException NotGiven(string what, string command)
        => new($"{what} was not given to this partition, which opens none by itself: name the partition, 'vmbus {command} NAME …', and the service opens it.");

    private GivenItem? Take(Predicate<GivenItem> isIt)
    {
        lock (_gate)
        {
            int index = _items.FindIndex(isIt);
            if (index < 0) return null;
            GivenItem item = _items[index];
            _items.RemoveAt(index);
            return item;
        }
    }

    private void Add(GivenItem item)
    {
        // What cannot be understood is refused now, and not when it is looked for.
        try
        {
            if (IsDisk(item)) _ = DeviceGiver.ParseDisk(item.Text);
            if (item.Kind == GivenKind.Nic) _ = NicOptions.Parse(item.Text);
            if (item.Kind == GivenKind.Connector && ConnectPlace.TryParse(item.Text) is null) throw new IOException($"'{item.Text}' is no place to connect to: use programs of the same release.");
        }
        catch (IOException problem)
        {
            item.Dispose();
            // It quotes the message, in which there may be anything.
            throw new IOException(PeerText.Escape(problem.Message), problem);
        }

        if (item is { Kind: GivenKind.Nic, Detail: GivenHeader.Renewed })
        {
            Renew(item);
            return;
        }

        lock (_gate)
        {
            if (_items.Count < MaximumWaiting)
            {
                _items.Add(item);
                return;
            }
        }

        item.Dispose();
        throw new IOException($"'{PeerText.Escape(item.Text)}' was given where {MaximumWaiting} things wait to be taken already: have them taken first.");
    }

    private void Renew(GivenItem item)
    {
        NicOptions options = NicOptions.Parse(item.Text);
        IGivenLink? lost = null;
        lock (_gate)
        {
            foreach ((NicOptions known, WeakReference<IGivenLink> reference) in _links)
            {
                if (known == options && reference.TryGetTarget(out IGivenLink? link) && !link.IsUp) lost = link;
            }
        }

        if (lost is null) item.Dispose();
        else lost.Renew(new LinkDescriptors(options, item.Files));
    }

    private void DropOld()
    {
        GivenItem[] old;
        lock (_gate)
        {
            old = [.. _items.Where(static item => Environment.TickCount64 - item.SinceMs > Patience.TotalMilliseconds)];
            foreach (GivenItem item in old) _items.Remove(item);
        }

        foreach (GivenItem item in old)
        {
            HostLog.NotTaken(_logger, item.Text);
            item.Dispose();
        }
    }

    private void Listen()
    {
        _socket = Take(static item => item.Kind == GivenKind.Socket)?.Files[0];
        if (_socket is null) return;
        _thread = new Thread(Accept, maxStackSize: 256 * 1024) { Name = "given", IsBackground = true };
        _thread.Start();
    }

    private void Accept()
    {
        while (true)
        {
            (bool readable, bool stopped) = DescriptorIo.WaitForInput(_socket!.Descriptor, _stop, Timeout.InfiniteTimeSpan);
            if (stopped) return;
            if (!readable || UnixSocket.TryAccept(_socket, out _) is not { } connection) continue;
            int descriptor = connection.Descriptor;
            using DescriptorSocket from = DescriptorSocket.Take(connection);
            lock (_gate) _sender = from;
            try
            {
                Serve(from, descriptor);
            }
            catch (IOException problem)
            {
                HostLog.GivenRefused(_logger, problem.Message);
            }
            finally
            {
                // Before it is closed.
                lock (_gate) _sender = null;
            }
        }
    }

    // One sender at a time, and none that keeps the others waiting.
    private void Serve(DescriptorSocket from, int descriptor)
    {
        var reader = new GivenReader(from);
        while (DescriptorIo.WaitForInput(descriptor, _stop, MessageLimit) is { Readable: true } && reader.Read() is { } item)
        {
            Add(item);
            if (from.Send([GivenHeader.Taken]) < 0) return;
        }
    }
}
