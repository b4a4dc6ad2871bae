using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;
using VmBus.Protocol.Virtio;
using VmBus.Sockets.Connectors;
using VmBus.Storage.Disks;

namespace VmBus.Virtio.Remote;

/// <summary>A disk whose medium another process serves over vhost-user (qemu-storage-daemon, SPDK, <c>vmbus export blk</c>), for whatever bus the guest has.</summary>
/// <remarks>
/// The data of a request goes between the back-end and guest RAM without a copy; rings and requests are in memory of this process that the back-end
/// has too. When the back-end goes, everything fails from then on; with <see cref="DiskOptions.Reconnect"/> it waits for the next one, and what was under
/// way is asked for again. Source: protocol-spec/vhost-user.md#front-end.
/// </remarks>
public sealed class RemoteDisk : IDisk, IBackEndUser
{
    private const int MaximumRings = 8;
    private const int PageBytes = 4096;

    private readonly BackEnd _backEnd;
    private readonly GuestMemory _memory;
    private readonly ILogger _logger;
    private readonly TimeSpan? _reconnect;
    private readonly RemoteDiskLimits _limits;
    private readonly MemoryFile _file;
    private readonly MemoryMapping _mapping;
    private readonly RemoteRing[] _rings;
    private readonly Dictionary<Lane, int> _lanes = [];
    private readonly Lock _gate = new();
    private readonly Lock _noticeGate = new();
    private Action? _sizeChanged;
    private BlockConfig _config;
    private bool _isAway;
    private bool _mayReturn;
    private bool _givesUp;

    private RemoteDisk(BackEnd backEnd, DiskOptions options, GuestMemory memory, int maximumRings, ILogger logger)
    {
        _backEnd = backEnd;
        _memory = memory;
        _logger = logger;
        Name = options.Name;
        _reconnect = options.Reconnect;
        _limits = RemoteDiskLimits.Of(backEnd, RemoteRequests.MaximumSegments);
        _config = RemoteDiskLimits.Read(backEnd);
        Traits = _limits.TraitsOf(_config, options.ReadOnly);
        if (Geometry.Bytes == 0) throw new BackEndException($"Disk '{Name}' has a medium without any sector: have its back-end serve another.");
        int rings = Math.Clamp(Math.Min(backEnd.QueueCount, maximumRings), 1, MaximumRings);
        int stride = (RemoteRing.Bytes + PageBytes - 1) / PageBytes * PageBytes;
        _file = MemoryFile.Create("vmbus-rings", (long)stride * rings);
        _mapping = MemoryMapping.MapDevice(_file, 0, (long)stride * rings);
        _rings = [.. Enumerable.Range(0, rings).Select(index => CreateRing(index, index * stride))];
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public DiskGeometry Geometry
    {
        get
        {
            lock (_gate) return _limits.GeometryOf(_config);
        }
    }

    /// <inheritdoc/>
    public DiskTraits Traits { get; }

    /// <inheritdoc/>
    public bool SizeMayChange => true;

    /// <summary>Connects to the back-end and gives it the guest's RAM.</summary>
    /// <param name="options">What the operator said.</param>
    /// <param name="memory">The RAM of the partition.</param>
    /// <param name="maximumRings">Queues that are of use: the lanes there will be.</param>
    /// <param name="logger">For what becomes of the back-end.</param>
    /// <param name="connector">By whom it is connected to, who becomes the opened object's; null where this process may.</param>
    /// <exception cref="BackEndException">There is none, or it lacks what is needed; the message is one line that says why and what to do.</exception>
    public static RemoteDisk Open(DiskOptions options, GuestMemory memory, int maximumRings, ILogger logger, HostConnector? connector = null)
    {
        var backEnd = BackEnd.Connect(options.Path, $"Disk '{options.Name}'", options.Reconnect, BlockConfig.Size, connector, logger);
        RemoteDisk? disk = null;
        try
        {
            disk = new RemoteDisk(backEnd, options, memory, maximumRings, logger);
            disk.SetUp();
            backEnd.Attend(disk);
            return disk;
        }
        catch
        {
            backEnd.Dispose();
            disk?.Free();
            throw;
        }
    }

    /// <summary>Says who is told, on no lane, that the size may be another; waits for whoever is being told.</summary>
    /// <param name="notice">Calls <see cref="RefreshGeometry"/>; null for nobody.</param>
    public void WhenSizeChanges(Action? notice)
    {
        lock (_noticeGate) _sizeChanged = notice;
    }

    /// <inheritdoc/>
    public IDiskQueue OpenQueue(Lane lane)
    {
        int ring;
        lock (_gate)
        {
            if (!_lanes.TryGetValue(lane, out ring))
            {
                ring = _lanes.Count % _rings.Length;
                _lanes.Add(lane, ring);
            }
        }

        _rings[ring].Attend(lane);
        return new RemoteDiskQueue(_rings[ring], _limits, Traits, lane);
    }

    /// <inheritdoc/>
    public bool RefreshGeometry()
    {
        try
        {
            _ = _backEnd.RefreshConfig();
        }
        catch (BackEndException)
        {
            // Its size is what it was, until it is back.
        }

        return TakeConfig();
    }

    /// <inheritdoc/>
    public void Grow(long bytes)
    {
        if (bytes == Geometry.Bytes) return;
        throw new DiskException(DiskProblem.FixedSize, $"Disk '{Name}' has the size that its back-end gives it: enlarge it there, and the guest is told.");
    }

    /// <summary>Whether what the guest asks for while the back-end is away fails instead of waiting: nobody waits for it any more.</summary>
    public void GiveUp(bool givesUp)
    {
        lock (_gate)
        {
            _givesUp = givesUp;
            if (!_isAway || !_mayReturn) return;
            foreach (RemoteRing ring in _rings) ring.Stop(fails: givesUp);
        }
    }

    /// <inheritdoc/>
    void IBackEndUser.ConfigChanged() => Notify();

    /// <inheritdoc/>
    void IBackEndUser.Lost(bool mayReturn)
    {
        if (_reconnect is { } interval) VirtioLog.BackEndAway(_logger, Name, interval.TotalSeconds);
        else VirtioLog.BackEndLost(_logger, Name);
        lock (_gate)
        {
            _isAway = true;
            _mayReturn = mayReturn;
            foreach (RemoteRing ring in _rings) ring.Stop(fails: !mayReturn || _givesUp);
        }
    }

    /// <inheritdoc/>
    void IBackEndUser.Returned()
    {
        SetUp();
        lock (_gate) _isAway = false;
        VirtioLog.BackEndReturned(_logger, Name);
        Notify();
    }

    /// <summary>Ends the connection. Every queue is closed, or closed by what fails here.</summary>
    public void Dispose()
    {
        // What a queue has under way would otherwise be abandoned, which back-ends do not all survive.
        try
        {
            if (!_isAway) foreach (RemoteRing ring in _rings) _backEnd.StopQueue(ring.Queue.Index);
        }
        catch (BackEndException)
        {
            // It has gone before.
        }

        _backEnd.Dispose();
        foreach (RemoteRing ring in _rings) ring.Stop(fails: true);
        Free();
    }

    private RemoteRing CreateRing(int index, int at)
    {
        nint address = _mapping.Address + at;
        nint ram = _memory.Regions[0].HostAddress;
        var requests = new RemoteRequests(
            new QueueArea(address + RemoteRing.RequestsAt, RemoteRing.Bytes - RemoteRing.RequestsAt), address + RemoteRing.RequestsAt, ram, (ulong)_memory.File.Bytes, _limits);
        return new RemoteRing(index, new QueueArea(address, RemoteRing.Bytes), address, requests, _limits.EventIndex, Broken);
    }

    // Addresses of this process name everything: guest RAM is one piece here, with the room to grow, and the rings are another.
    private void SetUp()
    {
        nint ram = _memory.Regions[0].HostAddress;
        ReadOnlySpan<VhostUserRegion> regions =
        [
            new((ulong)ram, (ulong)_memory.File.Bytes, (ulong)ram, 0),
            new((ulong)_mapping.Address, (ulong)_file.Bytes, (ulong)_mapping.Address, 0),
        ];
        ReadOnlySpan<SafeHandle> files = [_memory.File, _file];
        _backEnd.SetUp(_limits.Features, regions, files);
        foreach (RemoteRing ring in _rings)
        {
            ring.Restart();
            _backEnd.StartQueue(ring.Queue);
            ring.Start();
        }
    }

    private void Notify()
    {
        lock (_noticeGate) _sizeChanged?.Invoke();
    }

    private bool TakeConfig()
    {
        BlockConfig now = RemoteDiskLimits.Read(_backEnd);
        lock (_gate)
        {
            DiskGeometry before = _limits.GeometryOf(_config);
            _config = now;
            return _limits.GeometryOf(now) != before;
        }
    }

    // On a lane, under the ring's lock. What is under way ends when the connection has.
    private void Broken(string what)
    {
        VirtioLog.BackEndBroken(_logger, Name, what);
        _backEnd.Disconnect();
    }

    private void Free()
    {
        foreach (RemoteRing ring in _rings) ring.Dispose();
        _mapping.Dispose();
        _file.Dispose();
    }
}
