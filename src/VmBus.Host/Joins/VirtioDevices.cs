using Microsoft.Extensions.Logging;
using VmBus.Host.Consoles;
using VmBus.Host.Devices;
using VmBus.Lanes;
using VmBus.Machine;
using VmBus.Machine.Pci;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Providers.Network;
using VmBus.Sockets;
using VmBus.Sockets.Connectors;
using VmBus.Storage.Disks;
using VmBus.Virtio.Balloon;
using VmBus.Virtio.Block;
using VmBus.Virtio.Consoles;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Entropy;
using VmBus.Virtio.Pci;
using VmBus.Virtio.Network;
using VmBus.Virtio.Remote;
using VmBus.Virtio.Sockets;

namespace VmBus.Host.Joins;

/// <summary>The partition's virtio devices, which it has from the start to the end; they stay open over guest resets while machines come and go.</summary>
/// <remarks>Any thread but a lane, one at a time for connecting, resetting and disposing.</remarks>
internal sealed class VirtioDevices : IDisposable
{
    // A queue for each processor spares them each other's locks; more than this gains nothing.
    private const int MaximumQueues = 8;

    private readonly string _partition;
    private readonly ILogger _logger;
    private readonly GuestMemory _memory;
    private readonly int _queues;
    private readonly Func<DiskOptions, IDisk> _open;
    private readonly IDeviceOpener _devices;
    private readonly List<VirtioDisk> _disks = [];
    private readonly List<VirtioNic> _nics = [];
    private readonly List<PciTransport> _transports = [];
    private readonly bool _hasEntropy;
    private readonly SocketOptions? _socketOptions;
    private readonly bool _hasBalloon;
    private readonly VirtioConsole? _console;
    private HostSockets? _sockets;

    private VirtioDevices(PartitionOptions options, GuestMemory memory, Func<DiskOptions, IDisk> open, VirtioConsole? console, ILogger logger)
    {
        _partition = options.Name;
        _hasEntropy = options.Entropy;
        _hasBalloon = options.Balloon;
        _socketOptions = options.Sockets is { IsVirtio: true } sockets ? sockets : null;
        _queues = Math.Clamp(options.ProcessorCount, 1, MaximumQueues);
        _memory = memory;
        _open = open;
        _devices = options.Devices;
        _console = console;
        _logger = logger;
    }

    /// <summary>The disks in the order given.</summary>
    public IReadOnlyList<DiskInfo> Disks => [.. _disks.Select(static disk => disk.Describe())];

    /// <summary>What the disks do that this process serves.</summary>
    public IReadOnlyList<VirtioDiskInfo> DiskTraffic => [.. _disks.Where(static disk => disk.Device is not null).Select(static disk => new VirtioDiskInfo(disk.Id, disk.Device!.Counters))];

    /// <summary>The network adapters in the order given.</summary>
    public IReadOnlyList<NicInfo> Adapters => [.. _nics.Select(static nic => nic.Describe())];

    /// <summary>Whether there are any.</summary>
    public bool Any => _disks.Count + _nics.Count + FurtherCount > 0;

    private int FurtherCount => (_console is null ? 0 : 1) + (_hasBalloon ? 1 : 0) + (_hasEntropy ? 1 : 0) + (_socketOptions is null ? 0 : 1);

    /// <summary>The virtio console; null when there is none, or it is not served yet.</summary>
    public ConsoleDevice? Console { get; private set; }

    /// <summary>The balloon; null when there is none, or it is not served yet.</summary>
    public BalloonDevice? Balloon { get; private set; }

    /// <summary>Opens disks and links; nothing is served yet.</summary>
    /// <exception cref="IOException">There are more than a bus takes, two have the same id, or one cannot be opened.</exception>
    /// <param name="options">The partition.</param>
    /// <param name="memory">Its RAM.</param>
    /// <param name="open">How disks are opened whose requests this process carries out.</param>
    /// <param name="console">The virtio console; null for none.</param>
    /// <param name="logger">Where it reports.</param>
    public static VirtioDevices Open(PartitionOptions options, GuestMemory memory, Func<DiskOptions, IDisk> open, VirtioConsole? console, ILogger logger)
    {
        NicOptions[] nics = [.. options.NetworkAdapters.Where(static nic => nic.IsVirtio)];
        var devices = new VirtioDevices(options, memory, open, console, logger);
        int count = options.VirtioDisks.Count + nics.Length + devices.FurtherCount;
        if (count > PciLayout.MaximumDevices)
            throw new IOException($"There are {count} virtio devices (bus=virtio, --virtio-console, --balloon, --rng), and a PCI bus has places for {PciLayout.MaximumDevices}: give the others bus=vmbus.");
        try
        {
            if (devices._socketOptions is { } sockets) devices._sockets = Meetings.Open(sockets, options.Devices);
            foreach (DiskOptions disk in options.VirtioDisks) devices.Add(disk);
            foreach (NicOptions nic in nics) devices.Add(nic);
            return devices;
        }
        catch
        {
            devices.Dispose();
            throw;
        }
    }

    /// <summary>Makes the devices ready for machines over this memory. Called once.</summary>
    /// <param name="lanes">What queues run on.</param>
    /// <param name="capture">Where copies of all frames go; null for nowhere.</param>
    public void Serve(IReadOnlyList<Lane> lanes, FrameCapture? capture)
    {
        foreach (VirtioDisk disk in _disks) Serve(disk, lanes);
        foreach (VirtioNic nic in _nics)
        {
            nic.Link.Capture = capture;
            nic.Device = new NetDevice(nic.Link, nic.Address, Math.Min(_queues, nic.Options.Queues ?? MaximumQueues));
            Serve(nic.Device, lanes);
        }

        if (_console is not null)
        {
            Console = new ConsoleDevice(_console, _console.Size);
            Serve(Console, lanes);
        }

        if (_hasBalloon)
        {
            Balloon = new BalloonDevice(_memory, TimeProvider.System);
            Serve(Balloon, lanes);
        }

        if (_hasEntropy) Serve(new EntropyDevice(TimeProvider.System), lanes);
        if (_sockets is null) return;
        var socketDevice = new VsockDevice(_sockets, _socketOptions!.Cid, _logger);
        Serve(socketDevice, lanes);
        _sockets.Start(lanes[0], socketDevice.Connect);
    }

    /// <summary>Puts the devices into a machine that has not started.</summary>
    public void Connect(KvmMachine machine, PciHostBridge bridge)
    {
        if (Any) PciBus.Connect(machine, bridge, [.. _transports.Select(static transport => new VirtioFunction(transport))]);
    }

    /// <summary>Puts the devices into their power-on state, with nothing under way. No machine runs.</summary>
    public void Reset()
    {
        foreach (PciTransport transport in _transports) transport.Reset();
    }

    /// <summary>Whether a disk of this name is here.</summary>
    public bool Has(string id) => _disks.Exists(disk => disk.Id == id);

    /// <summary>See <see cref="IPartitionControl.ResizeDisk"/>.</summary>
    public DiskInfo Resize(string id, long? bytes)
    {
        int index = _disks.FindIndex(disk => disk.Id == id);
        VirtioDisk disk = _disks[index];
        lock (disk)
        {
            if (disk.Resize(bytes))
            {
                _transports[index].TellConfigChanged();
                HostLog.DiskResized(_logger, _partition, disk.Number, disk.Options.Name, disk.Bytes);
            }

            return disk.Describe();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sockets?.End();
        foreach (VirtioDisk disk in _disks) (disk.Medium as RemoteDisk)?.WhenSizeChanges(null);
        foreach (PciTransport transport in _transports) transport.Dispose();
        // A device that its transport has is disposed with it.
        if (_transports.Count == 0) foreach (VirtioDisk disk in _disks) disk.Remote?.Dispose();
        _transports.Clear();
        foreach (VirtioDisk disk in _disks) disk.Medium?.Dispose();
        foreach (VirtioNic nic in _nics) nic.Link.Dispose();
        _disks.Clear();
        _nics.Clear();
        _sockets?.Dispose();
    }

    /// <summary>Whether what waits for a back-end that is away fails instead, as there is no guest to wait for it.</summary>
    public void GiveUp(bool givesUp)
    {
        foreach (VirtioDisk disk in _disks) (disk.Medium as RemoteDisk)?.GiveUp(givesUp);
    }

    private void Serve(VirtioDisk disk, IReadOnlyList<Lane> lanes)
    {
        if (disk.Remote is { } remote)
        {
            Serve(remote, lanes);
            return;
        }

        disk.Device = new BlockDevice(disk.Medium!, disk.Serial, _queues);
        Serve(disk.Device, lanes);
        PciTransport transport = _transports[^1];
        (disk.Medium as RemoteDisk)?.WhenSizeChanges(() => Refresh(disk, transport));
    }

    private void Refresh(VirtioDisk disk, PciTransport transport)
    {
        lock (disk)
        {
            if (!disk.Medium!.RefreshGeometry()) return;
            HostLog.DiskResized(_logger, _partition, disk.Number, disk.Options.Name, disk.Bytes);
        }

        transport.TellConfigChanged();
    }

    private void Serve(IVirtioDevice device, IReadOnlyList<Lane> lanes)
        => _transports.Add(new PciTransport(device, _memory, lanes, _logger));

    private void Add(DiskOptions options)
    {
        options = _devices.Resolve(options);
        string identity = StableIds.Create("disk", $"{_partition}:virtio{_disks.Count}").ToString("N");
        var disk = new VirtioDisk(options.Id ?? $"virtio{_disks.Count}", (byte)_disks.Count, options, identity);
        if (Has(disk.Id)) throw new IOException($"Disk '{options.Name}' cannot have the id '{disk.Id}', which another has: give another with ,id=ID.");
        // A back-end that gets the guest's rings themselves refuses nothing for us, and when it goes what is in them is lost.
        if (options is { IsVhostUser: true, ReadOnly: false, Reconnect: null }) disk.Remote = RemoteDevice.Open(options, _memory, _queues, _logger, _devices.TakeConnector(new ConnectPlace(ConnectKind.VhostUser, options.Path)));
        else disk.Medium = _open(options);
        _disks.Add(disk);
        HostLog.DiskOpened(_logger, _partition, disk.Number, options.Name, disk.Bytes);
    }

    private void Add(NicOptions options)
    {
        string id = options.Id ?? $"virtio-nic{_nics.Count}";
        if (_nics.Exists(nic => nic.Id == id))
            throw new IOException($"Network adapter '{options.Name}' cannot have the id '{id}', which another has: give another with ,id=ID.");
        MacAddress address = options.Address ?? NetworkAdapter.AddressOf($"{_partition}:{id}");
        _nics.Add(new VirtioNic(id, options, address, Links.Open(options, _queues, _devices, _logger)));
        HostLog.NetworkAdapterOpened(_logger, _partition, id, options.Name, address);
    }

    private sealed class VirtioNic(string id, NicOptions options, MacAddress address, ILink link)
    {
        public string Id => id;

        public NicOptions Options => options;

        public MacAddress Address => address;

        public ILink Link => link;

        public NetDevice? Device { get; set; }

        public NicInfo Describe()
        {
            IReadOnlyList<NetCounters> pairs = Device?.Counters ?? [];
            return new NicInfo(
                id,
                options.Name,
                address,
                NicState.Attached,
                link.IsUp,
                pairs.Aggregate(default(NetworkCounters), static (sum, pair) => sum + Of(pair)),
                [.. pairs.Select(static (pair, index) => new NetworkQueueInfo(index, Of(pair), default))]);
        }

        private static NetworkCounters Of(NetCounters pair) => new()
        {
            FramesSent = pair.FramesSent,
            SendDropped = pair.SendDropped,
            FramesReceived = pair.FramesReceived,
            ReceiveDropped = pair.ReceiveDropped,
            BytesSent = pair.BytesSent,
            BytesReceived = pair.BytesReceived,
        };
    }

    private sealed class VirtioDisk(string id, byte number, DiskOptions options, string identity)
    {
        public string Id => id;

        public byte Number => number;

        public DiskOptions Options => options;

        public string Serial => options.Id ?? identity;

        /// <summary>The medium, unless there is <see cref="Remote"/>.</summary>
        public IDisk? Medium { get; set; }

        /// <summary>The device, when this process serves it.</summary>
        public BlockDevice? Device { get; set; }

        /// <summary>The device, when another process serves it.</summary>
        public RemoteDevice? Remote { get; set; }

        public long Bytes => Remote?.Bytes ?? Medium!.Geometry.Bytes;

        public bool Resize(long? bytes)
        {
            if (Remote is { } remote)
            {
                if (bytes is { } other && other != Bytes)
                    throw new DiskException(DiskProblem.FixedSize, $"Disk '{options.Name}' has the size that its back-end gives it: enlarge it there, and the guest is told.");
                return remote.Refresh();
            }

            if (bytes is { } wanted) Medium!.Grow(wanted);
            else if (!Medium!.SizeMayChange) Medium.Grow(Medium.Geometry.Bytes);
            return Medium.RefreshGeometry();
        }

        public DiskInfo Describe()
            => new(id, number, options.Name, options.Format, Remote?.IsReadOnly ?? Medium!.Traits.ReadOnly, DiskState.Attached, Bytes) { Bus = DiskBus.Virtio };
    }
}
