using Microsoft.Extensions.Logging;
using VmBus.Providers.Storage;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi;
using VmBus.Virtio.Remote;

namespace VmBus.Host.Joins;

/// <summary>The partition's synthetic SCSI controller with its disks, which come and go while the guest runs and stay open over guest resets.</summary>
/// <remarks>
/// Any thread but a lane. A logical unit number that became free is the last to be used again: a guest that has not looked yet would take
/// another disk there for the one it knows, with what it has cached of it.
/// </remarks>
internal sealed class StorageController : IDisposable
{
    /// <summary>Disks on one controller, as Hyper-V documents it.</summary>
    public const int MaximumDisks = 64;

    private readonly string _partition;
    private readonly ILogger _logger;
    private readonly Func<DiskOptions, DiskOptions> _resolve;
    private readonly Func<DiskOptions, IDisk> _open;
    private readonly Lock _lock = new();
    private readonly List<AttachedDisk> _disks = [];
    private readonly LinkedList<byte> _freeLuns = new(Enumerable.Range(0, MaximumDisks).Select(lun => (byte)lun));
    private bool _disposed;

    /// <summary>A controller without disks.</summary>
    /// <param name="partition">The partition's name, which the identities of controller and disks are made from.</param>
    /// <param name="processorCount">For the number of sub-channels.</param>
    /// <param name="logger">Where it reports.</param>
    /// <param name="open">How disks are opened whose formats are resolved; images and block devices only when null.</param>
    /// <param name="resolve">How formats are resolved; by looking at the images when null.</param>
    public StorageController(
        string partition, int processorCount, ILogger logger, Func<DiskOptions, IDisk>? open = null, Func<DiskOptions, DiskOptions>? resolve = null)
    {
        _partition = partition;
        _logger = logger;
        _resolve = resolve ?? DiskFactory.Resolve;
        _open = open ?? (disk => DiskFactory.Open(disk, logger));
        Provider = new StorageProvider(
            Target, StableIds.Create("scsi-controller", partition), StorageOptions.ForProcessors(processorCount), logger);
    }

    /// <summary>The logical units.</summary>
    public ScsiTarget Target { get; } = new();

    /// <summary>What the bus offers.</summary>
    public StorageProvider Provider { get; }

    /// <summary>The disks now, in order of their logical unit numbers.</summary>
    public IReadOnlyList<DiskInfo> Disks
    {
        get
        {
            lock (_lock) return [.. _disks.OrderBy(disk => disk.Address.Lun).Select(disk => disk.Describe())];
        }
    }

    /// <summary>A controller with the partition's first disks; logical unit numbers follow the order given.</summary>
    /// <exception cref="IOException">A disk cannot be opened; the ones before it are closed again.</exception>
    public static StorageController Open(PartitionOptions options, ILogger logger, Func<DiskOptions, IDisk>? open = null)
    {
        var controller = new StorageController(options.Name, options.ProcessorCount, logger, open, options.Devices.Resolve);
        try
        {
            foreach (DiskOptions disk in options.Disks) controller.Add(disk);
            return controller;
        }
        catch
        {
            controller.Dispose();
            throw;
        }
    }

    /// <summary>See <see cref="IPartitionControl.AddDisk"/>.</summary>
    public DiskInfo Add(DiskOptions options)
    {
        AttachedDisk disk = Reserve(_resolve(options));
        try
        {
            IDisk medium = _open(disk.Options);
            lock (_lock) disk.Disk = medium;
            Attach(disk, medium);
        }
        catch
        {
            disk.Disk?.Dispose();
            Forget(disk, wasSeen: false);
            throw;
        }

        HostLog.DiskOpened(_logger, _partition, disk.Address.Lun, disk.Options.Name, disk.Disk.Geometry.Bytes);
        return disk.Describe();
    }

    /// <summary>See <see cref="IPartitionControl.RemoveDiskAsync"/>.</summary>
    public Task RemoveAsync(string id)
    {
        AttachedDisk disk;
        lock (_lock)
        {
            disk = Find(id);
            if (disk.State == DiskState.Opening) throw new IOException($"Disk '{id}' is still being opened: wait until it is there.");
            if (disk.State == DiskState.Removing) return disk.Removed.Task;
            disk.State = DiskState.Removing;
        }

        // The last command may end on a lane, which must not wait for a file to close or a server to end.
        Target.Remove(disk.Address, () => ThreadPool.UnsafeQueueUserWorkItem(Close, disk, preferLocal: false));
        return disk.Removed.Task;
    }

    /// <summary>See <see cref="IPartitionControl.ResizeDisk"/>.</summary>
    public DiskInfo Resize(string id, long? bytes)
    {
        AttachedDisk disk;
        lock (_lock) disk = Find(id);
        lock (disk.Changing)
        {
            if (disk.State != DiskState.Attached) throw new IOException($"Disk '{id}' is coming or going: wait until it is there, or add it again.");
            // A medium of fixed size says why and what to do when it is asked to grow.
            if (bytes is { } wanted) disk.Disk!.Grow(wanted);
            else if (!disk.Disk!.SizeMayChange) disk.Disk.Grow(disk.Disk.Geometry.Bytes);
            if (Target.RefreshGeometry(disk.Address))
                HostLog.DiskResized(_logger, _partition, disk.Address.Lun, disk.Options.Name, disk.Disk.Geometry.Bytes);
            return disk.Describe();
        }
    }

    /// <summary>Whether what waits for a back-end that is away fails instead, as there is no guest to wait for it.</summary>
    public void GiveUp(bool givesUp)
    {
        lock (_lock)
        {
            foreach (AttachedDisk disk in _disks) (disk.Disk as RemoteDisk)?.GiveUp(givesUp);
        }
    }

    /// <summary>Closes the disks. The bus must have let go of the provider.</summary>
    public void Dispose()
    {
        AttachedDisk[] disks;
        lock (_lock)
        {
            _disposed = true;
            disks = [.. _disks];
        }

        foreach (AttachedDisk disk in disks)
        {
            if (disk.State == DiskState.Removing) Task.WhenAny(disk.Removed.Task).Wait();
            else if (disk.State == DiskState.Attached) Close(disk.Disk!);
        }
    }

    private AttachedDisk Reserve(DiskOptions options)
    {
        lock (_lock)
        {
            ThrowIfEnded();
            if (_freeLuns.First is not { Value: byte lun })
                throw new IOException($"Disk '{options.Path}' does not fit: a controller takes {MaximumDisks} disks; leave it out or remove another.");
            string id = options.Id ?? $"lun{lun}";
            if (_disks.Find(disk => disk.Id == id) is { } other)
            {
                throw new IOException(
                    $"Disk '{options.Path}' cannot have the id '{id}', which belongs to '{other.Options.Path}'"
                    + $"{(other.State == DiskState.Removing ? " until its removal has ended" : "")}: give another with ,id=ID.");
            }

            _freeLuns.RemoveFirst();
            var reserved = new AttachedDisk(id, lun, options);
            _disks.Add(reserved);
            return reserved;
        }
    }

    private void Attach(AttachedDisk disk, IDisk medium)
    {
        Guid identity = StableIds.Create("disk", $"{_partition}:{disk.Id}");
        ScsiUnitKind kind = medium.Geometry.LogicalSectorBytes == 2048 ? ScsiUnitKind.Dvd : ScsiUnitKind.Disk;
        var scsi = new ScsiIdentity(kind, disk.Options.Id ?? identity.ToString("N"), identity);
        lock (_lock)
        {
            ThrowIfEnded();
            Target.Add(disk.Address, medium, scsi);
            disk.State = DiskState.Attached;
        }

        if (medium is RemoteDisk remote) remote.WhenSizeChanges(() => TakeSize(disk));
    }

    private void TakeSize(AttachedDisk disk)
    {
        lock (disk.Changing)
        {
            if (disk.State == DiskState.Attached && Target.RefreshGeometry(disk.Address))
                HostLog.DiskResized(_logger, _partition, disk.Address.Lun, disk.Options.Name, disk.Disk!.Geometry.Bytes);
        }
    }

    private static void Close(IDisk medium)
    {
        (medium as RemoteDisk)?.WhenSizeChanges(null);
        medium.Dispose();
    }

    private void Close(AttachedDisk disk)
    {
        try
        {
            // Before the lock, which whoever is being told waits for.
            (disk.Disk as RemoteDisk)?.WhenSizeChanges(null);
            lock (disk.Changing) disk.Disk!.Dispose();
            Forget(disk, wasSeen: true);
            HostLog.DiskClosed(_logger, _partition, disk.Address.Lun, disk.Options.Name);
            disk.Removed.SetResult();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The medium is closed all the same; a folder beside it may be left.
            Forget(disk, wasSeen: true);
            disk.Removed.SetException(exception);
        }
    }

    private void Forget(AttachedDisk disk, bool wasSeen)
    {
        lock (_lock)
        {
            _disks.Remove(disk);
            if (wasSeen) _freeLuns.AddLast(disk.Address.Lun);
            else _freeLuns.AddFirst(disk.Address.Lun);
        }
    }

    private AttachedDisk Find(string id)
    {
        if (_disks.Find(disk => disk.Id == id) is { } found) return found;
        string known = _disks.Count == 0 ? "there is none" : $"there are {string.Join(", ", _disks.Select(disk => disk.Id))}";
        throw new IOException($"There is no disk '{id}': {known}.");
    }

    private void ThrowIfEnded()
    {
        if (_disposed) throw new IOException("The partition has ended: it takes no disks any more.");
    }
}
