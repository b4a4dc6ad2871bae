using System.Text;
using VmBus.Lanes;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Disks;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Block;

/// <summary>A virtio block device of one driver over a disk, which may have other drivers of either bus.</summary>
/// <remarks>The disk is the giver's to close, after this. Source: virtio 1.3, 5.2; protocol-spec/virtio.md#block.</remarks>
public sealed class BlockDevice : IVirtioDevice
{
    /// <summary>Ranges that one discard or one request to write zeroes may have.</summary>
    internal const int MaximumRanges = 16;

    // As many pieces as fit a chain of the largest queue with header and status.
    private const int MaximumSegments = 254;

    private const int QueueSize = 1024;

    // 1 GiB: large enough for a file system's trim, small enough to end while its guest waits.
    private const uint RangeBytes = 1U << 30;

    private readonly IDisk _disk;
    private readonly Lock _gate = new();
    private readonly List<BlockQueue> _queues = [];
    private readonly byte[] _serial = new byte[BlockRequestHeader.IdBytes];
    private BlockCounters _closed;
    private volatile bool _writesBack = true;

    /// <summary>A device over a disk.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="serial">What the driver gets as the serial number; only its first 20 bytes.</param>
    /// <param name="queueCount">Request queues.</param>
    public BlockDevice(IDisk disk, string serial, int queueCount)
    {
        _disk = disk;
        QueueCount = queueCount;
        ReadOnlySpan<byte> bytes = Encoding.UTF8.GetBytes(serial);
        bytes[..Math.Min(bytes.Length, _serial.Length)].CopyTo(_serial);
    }

    /// <inheritdoc/>
    public VirtioDeviceType Type => VirtioDeviceType.Block;

    /// <inheritdoc/>
    public string Name => _disk.Name;

    /// <inheritdoc/>
    public ulong Features
    {
        get
        {
            DiskTraits traits = _disk.Traits;
            BlockFeatures features = BlockFeatures.MaximumSegments | BlockFeatures.BlockSize | BlockFeatures.Topology | BlockFeatures.Flush
                | BlockFeatures.MultiQueue;
            if (traits.ReadOnly) features |= BlockFeatures.ReadOnly;
            else features |= BlockFeatures.ConfigWriteCache | BlockFeatures.WriteZeroes;
            if (Offers(BlockRequestType.Discard)) features |= BlockFeatures.Discard;
            return (ulong)features | (ulong)Virtqueue.Features;
        }
    }

    /// <inheritdoc/>
    public int QueueCount { get; }

    /// <inheritdoc/>
    public int FrontEndQueueCount => QueueCount;

    /// <inheritdoc/>
    public Action? ConfigChanged { get; set; }

    /// <inheritdoc/>
    public int MaximumQueueSize => QueueSize;

    /// <summary>What it has done. Numbers of queues at work may be a moment old.</summary>
    public BlockCounters Counters
    {
        get
        {
            lock (_gate) return _queues.Aggregate(_closed, static (sum, queue) => sum + queue.Counters);
        }
    }

    /// <summary>Whether writes are durable only after a flush. The driver's choice, where it has one.</summary>
    internal bool WritesBack => _writesBack;

    internal bool IsReadOnly => _disk.Traits.ReadOnly;

    internal DiskGeometry Geometry => _disk.Geometry;

    internal ReadOnlySpan<byte> Serial => _serial;

    internal uint MaximumRangeSectors => RangeBytes / BlockConfig.SectorBytes;

    /// <inheritdoc/>
    public int LaneOf(int queue) => queue;

    /// <inheritdoc/>
    public int ReadConfig(Span<byte> destination)
    {
        DiskGeometry geometry = _disk.Geometry;
        DiskTraits traits = _disk.Traits;
        uint blockSectors = (uint)geometry.LogicalSectorBytes / BlockConfig.SectorBytes;
        bool writable = !traits.ReadOnly;
        bool discards = Offers(BlockRequestType.Discard);
        new BlockConfig
        {
            Sectors = (ulong)geometry.Bytes / BlockConfig.SectorBytes,
            MaximumSegments = MaximumSegments,
            BlockBytes = (uint)geometry.LogicalSectorBytes,
            PhysicalBlockExponent = (byte)int.Log2(Math.Max(1, geometry.PhysicalSectorBytes / geometry.LogicalSectorBytes)),
            MinimumIoBlocks = (ushort)Math.Max(1, geometry.PhysicalSectorBytes / geometry.LogicalSectorBytes),
            WriteBack = _writesBack ? (byte)1 : (byte)0,
            QueueCount = (ushort)QueueCount,
            MaximumDiscardSectors = discards ? MaximumRangeSectors : 0,
            MaximumDiscardSegments = discards ? MaximumRanges : 0U,
            DiscardAlignmentSectors = discards ? Math.Max(blockSectors, (uint)traits.DiscardGranularityBytes / BlockConfig.SectorBytes) : 0,
            MaximumZeroSectors = writable ? MaximumRangeSectors : 0,
            MaximumZeroSegments = writable ? MaximumRanges : 0U,
            ZeroMayUnmap = discards ? (byte)1 : (byte)0,
        }.Write(destination);
        return BlockConfig.Size;
    }

    /// <inheritdoc/>
    public bool WriteConfig(int offset, ReadOnlySpan<byte> source)
    {
        if (offset != BlockConfig.WriteBackOffset || source.Length != 1 || source[0] > 1 || _disk.Traits.ReadOnly) return false;
        _writesBack = source[0] == 1;
        return true;
    }

    /// <inheritdoc/>
    public IQueueWorker OpenQueue(int index, ulong features, QueueRunner queue, Lane lane)
    {
        var worker = new BlockQueue(this, queue, _disk.OpenQueue(lane), (BlockFeatures)features);
        lock (_gate) _queues.Add(worker);
        return worker;
    }

    /// <inheritdoc/>
    public void Reset() => _writesBack = true;

    /// <inheritdoc/>
    public void Dispose()
    {
        // The disk is not this object's.
    }

    internal bool Offers(BlockRequestType type) => !_disk.Traits.ReadOnly && (type != BlockRequestType.Discard || _disk.Traits.DiscardGranularityBytes > 0);

    internal void Closed(BlockQueue queue)
    {
        lock (_gate)
        {
            if (_queues.Remove(queue)) _closed += queue.Counters;
        }
    }
}
