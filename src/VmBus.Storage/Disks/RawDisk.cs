using System.Globalization;
using Microsoft.Extensions.Logging;
using VmBus.Lanes;
using VmBus.Native.Linux;

namespace VmBus.Storage.Disks;

/// <summary>A regular file or block device whose bytes are the disk's.</summary>
/// <remarks>
/// A medium that is shorter than its geometry (a file truncated under a running guest) answers EIO where bytes are missing: zeroes would
/// be data that nobody wrote. A medium that grew is seen by <see cref="RefreshGeometry"/>; the geometry never shrinks.
/// </remarks>
public sealed class RawDisk : IDisk
{
    /// <summary>Sector of an ISO image. Source: ECMA-119, 6.1.2.</summary>
    internal const int IsoSectorBytes = 2048;

    private const int PageBytes = 4096;

    // Beyond this a file system's preferred unit (1 MiB on NFS) says how it likes transfers, not what it frees.
    private const int MaximumDiscardUnit = 65536;

    private readonly Lock _gate = new();
    private readonly List<RawDiskQueue> _queues = [];
    private readonly FileKind _kind;
    private RawDiskCounters _closed;
    private DiskGeometry _geometry;

    private RawDisk(string name, LinuxFile file, FileKind kind, DiskGeometry geometry, DiskTraits traits, DirectAlignment direct)
    {
        Name = name;
        File = file;
        _kind = kind;
        _geometry = geometry;
        Traits = traits;
        Direct = direct;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public DiskGeometry Geometry
    {
        get
        {
            lock (_gate) return _geometry;
        }
    }

    /// <inheritdoc/>
    public DiskTraits Traits { get; }

    /// <summary>Which ways the I/O of all queues took. The numbers of queues at work may be a moment old.</summary>
    public RawDiskCounters Counters
    {
        get
        {
            lock (_gate) return _queues.Aggregate(_closed, (sum, queue) => sum + queue.Counters);
        }
    }

    /// <summary>Most inline reads of a queue per turn; benchmarks compare others.</summary>
    internal int InlineReads { get; set; } = InlineBudget.ReadsPerTurn;

    /// <summary>Most inline writes of a queue per turn; benchmarks compare others.</summary>
    internal int InlineWrites { get; set; } = InlineBudget.WritesPerTurn;

    internal LinuxFile File { get; }

    internal bool IsBlockDevice => _kind == FileKind.BlockDevice;

    internal DirectAlignment Direct { get; }

    /// <summary>Opens and locks an image or block device.</summary>
    /// <exception cref="DiskException">It cannot be used; the message says why and what to do.</exception>
    public static RawDisk Open(DiskOptions options, ILogger logger) => Use(OpenDescriptors(options, logger));

    /// <summary>Opens and locks an image or block device for whoever is to use it.</summary>
    /// <exception cref="DiskException">It cannot be used; the message says why and what to do.</exception>
    internal static DiskDescriptors OpenDescriptors(DiskOptions options, ILogger logger)
    {
        bool readOnly = IsReadOnly(options);
        LinuxFile file = OpenFile(options.Path, readOnly);
        try
        {
            _ = Examine(options.Path, file, readOnly);
            TakeLock(options.Path, file, readOnly, logger);
            return new DiskDescriptors(options, [file]);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Uses one that is open, and takes it over.</summary>
    /// <exception cref="DiskException">It cannot be used; the message says why and what to do.</exception>
    internal static RawDisk Use(DiskDescriptors open)
    {
        DiskOptions options = open.Options;
        bool readOnly = IsReadOnly(options);
        LinuxFile file = open.Take(1)[0];
        try
        {
            FileStatus status = Examine(options.Path, file, readOnly);
            DirectAlignment direct = DirectAlignment.None;
            if (options.Cache == DiskCache.Direct) direct = DirectAlignment.Enable(options.Path, file, status);
            DiskGeometry geometry = Measure(options, file, status, direct, options.Format == DiskFormat.Iso);
            DiskTraits traits = Probe(file, status, geometry, readOnly);
            return new RawDisk(options.Path, file, status.Kind, geometry, traits, direct);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IDiskQueue OpenQueue(Lane lane)
    {
        var queue = new RawDiskQueue(this, lane);
        lock (_gate) _queues.Add(queue);
        return queue;
    }

    /// <inheritdoc/>
    public bool SizeMayChange => true;

    /// <inheritdoc/>
    public void Grow(long bytes)
    {
        if (_kind == FileKind.BlockDevice)
            throw new DiskException(DiskProblem.FixedSize, $"Disk '{Name}' is a block device: enlarge the device, then resize without a size.");
        if (Traits.ReadOnly)
            throw new DiskException(DiskProblem.FixedSize, $"Disk '{Name}' is open read-only: enlarge the file, then resize without a size.");
        lock (_gate)
        {
            // The file may have grown since the geometry was looked at; what it has now must not be cut off.
            long now = Math.Max(_geometry.Bytes, SizeOf(File, _kind));
            int sector = _geometry.LogicalSectorBytes;
            if (bytes < now || bytes % sector != 0)
            {
                throw new DiskException(
                    DiskProblem.BadSize,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"Disk '{Name}' has {now} bytes and cannot get {bytes}: disks only grow, by whole sectors of {sector} bytes; give a larger size."));
            }

            int result = File.SetSize(bytes);
            if (result == 0) return;
            throw new DiskException(
                DiskProblem.Host,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Disk '{Name}' cannot get {bytes} bytes: {LinuxException.DescribeError(-result)}; give a size that its file system takes."));
        }
    }

    /// <inheritdoc/>
    public bool RefreshGeometry()
    {
        long bytes = SizeOf(File, _kind);
        lock (_gate)
        {
            // Whole sectors only: a file in the middle of growing may end anywhere.
            bytes -= bytes % _geometry.LogicalSectorBytes;
            if (bytes <= _geometry.Bytes) return false;
            _geometry = _geometry with { Bytes = bytes };
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => File.Dispose();

    internal void Closed(RawDiskQueue queue)
    {
        lock (_gate)
        {
            if (_queues.Remove(queue)) _closed += queue.Counters;
        }
    }

    private static bool IsReadOnly(DiskOptions options) => options.ReadOnly || options.Format == DiskFormat.Iso;

    private static LinuxFile OpenFile(string path, bool readOnly)
    {
        // Without NonBlocking a FIFO would hold us here for ever.
        LinuxOpen mode = LinuxOpen.NonBlocking | (readOnly ? LinuxOpen.Read : LinuxOpen.ReadWrite);
        if (LinuxFile.TryOpen(path, mode, out int errno) is not { } file) throw DiskErrors.Opening(path, errno, readOnly);
        _ = file.EnableBlocking();
        return file;
    }

    private static FileStatus Examine(string path, LinuxFile file, bool readOnly)
    {
        int result = FileStatus.TryRead(file, out FileStatus status);
        if (result < 0) throw DiskErrors.Opening(path, -result, readOnly);
        if (status.Kind == FileKind.Directory) throw DiskErrors.Opening(path, Errno.EISDIR, readOnly);
        if (status.Kind == FileKind.Other)
            throw new DiskException(DiskProblem.NotADisk, $"Disk '{path}' is neither a regular file nor a block device.");
        if (status.Kind == FileKind.BlockDevice && !readOnly && BlockDevice.IsReadOnly(file) == 1)
            throw new DiskException(DiskProblem.NoPermission, $"Disk '{path}' is a read-only device; add ,readonly.");
        return status;
    }

    private static void TakeLock(string path, LinuxFile file, bool readOnly, ILogger logger)
    {
        int result = ImageLock.TryAcquire(file, !readOnly);
        if (result == -Errno.EAGAIN)
        {
            throw new DiskException(
                DiskProblem.Locked,
                $"Disk '{path}' is in use by another process, which {(readOnly ? "writes it" : "uses it in conflict with our writing")}; " +
                "stop that one first (lslocks and lsof name it).");
        }

        if (result < 0) StorageLog.NoLocks(logger, path, LinuxException.DescribeError(-result));
    }

    private static DiskGeometry Measure(DiskOptions options, LinuxFile file, in FileStatus status, DirectAlignment direct, bool iso)
    {
        int own = status.Kind == FileKind.BlockDevice ? Math.Max(512, BlockDevice.LogicalSectorBytes(file)) : 512;
        int sector = iso ? IsoSectorBytes : options.SectorBytes == 0 ? own : options.SectorBytes;
        if (sector < own || sector % direct.OffsetBytes != 0)
        {
            int needed = Math.Max(own, direct.OffsetBytes);
            string cure = needed > sector && !iso ? $"use sector={needed}" : "use cache=writeback";
            throw new DiskException(
                DiskProblem.BadOption,
                $"Disk '{options.Path}' takes transfers of {needed} bytes, which sectors of {sector} bytes do not fit; {cure}.");
        }

        long bytes = SizeOf(file, status.Kind);
        if (bytes < sector || bytes % sector != 0)
        {
            long rounded = Math.Max(sector, (bytes + sector - 1) / sector * sector);
            throw new DiskException(
                DiskProblem.BadSize,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Disk '{options.Path}' has {bytes} bytes, which is not a positive multiple of its {sector}-byte sector; "
                    + $"if no data is missing, round it up: truncate -s {rounded} '{options.Path}'."));
        }

        int physical = status.Kind == FileKind.BlockDevice ? BlockDevice.PhysicalSectorBytes(file) : PageBytes;
        return new DiskGeometry(bytes, sector, Math.Max(sector, physical));
    }

    private static DiskTraits Probe(LinuxFile file, in FileStatus status, in DiskGeometry geometry, bool readOnly)
    {
        bool rotational = status.Kind == FileKind.BlockDevice && BlockDevice.IsRotational(file) == 1;
        int discard = readOnly ? 0 : status.Kind == FileKind.BlockDevice ? DeviceDiscardUnit(status) : FileDiscardUnit(file, status);
        if (discard > 0) discard = Math.Max(discard, geometry.LogicalSectorBytes);
        return new DiskTraits(readOnly, WriteCache: !readOnly, discard, MaximumTransferBytes: 0, rotational);
    }

    private static int FileDiscardUnit(LinuxFile file, in FileStatus status)
    {
        // A hole behind the end changes nothing, and is refused all the same where holes are not supported.
        long behind = (status.Bytes + MaximumDiscardUnit) / MaximumDiscardUnit * MaximumDiscardUnit;
        if (LinuxFile.Allocate(file, LinuxFile.PunchHole | LinuxFile.KeepSize, behind, PageBytes) < 0) return 0;
        return status.BlockBytes is >= 512 and <= MaximumDiscardUnit ? status.BlockBytes : PageBytes;
    }

    private static int DeviceDiscardUnit(in FileStatus status)
    {
        // A partition has no queue folder of its own; its disk's is one level up.
        string device = string.Create(CultureInfo.InvariantCulture, $"/sys/dev/block/{status.DeviceMajor}:{status.DeviceMinor}");
        foreach (string queue in new[] { "/queue", "/../queue" })
        {
            try
            {
                string text = System.IO.File.ReadAllText(device + queue + "/discard_granularity");
                return int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int unit) ? unit : 0;
            }
            catch (IOException)
            {
                // Not there.
            }
        }

        return 0;
    }

    private static long SizeOf(LinuxFile file, FileKind kind)
    {
        if (kind == FileKind.BlockDevice) return Math.Max(0, BlockDevice.Bytes(file));
        return FileStatus.TryRead(file, out FileStatus status) < 0 ? 0 : status.Bytes;
    }
}
