using System.Diagnostics;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Disks;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Block;

/// <summary>One request queue of a block device: chains become operations of the disk, whose data moves without a copy.</summary>
/// <remarks>
/// A request that makes no sense is answered with a status; only one that has no room for a status breaks the queue. Allocates nothing once it has
/// had as many requests at once as it gets.
/// </remarks>
internal sealed class BlockQueue : IQueueWorker, IIoCompletion
{
    // One busy queue does not keep the lane's others, or its completions, waiting for longer than this many requests.
    private const int RequestsPerTurn = 128;

    private readonly BlockDevice _device;
    private readonly QueueRunner _runner;
    private readonly IDiskQueue _disk;
    private readonly bool _hasFlush;
    private readonly bool _hasWriteCacheChoice;
    private readonly List<BlockRequest> _requests = [];
    private readonly Stack<BlockRequest> _free = new();
    private bool _isStopped;
    private long _completed;
    private long _failed;
    private long _bytesRead;
    private long _bytesWritten;
    private long _ticks;

    public BlockQueue(BlockDevice device, QueueRunner runner, IDiskQueue disk, BlockFeatures features)
    {
        _device = device;
        _runner = runner;
        _disk = disk;
        _hasFlush = (features & BlockFeatures.Flush) != 0;
        _hasWriteCacheChoice = (features & BlockFeatures.ConfigWriteCache) != 0;
    }

    public BlockCounters Counters => new(_completed, _failed, _bytesRead, _bytesWritten, Stopwatch.GetElapsedTime(0, _ticks));

    // A driver that cannot flush must find what was written safe, and so must one that has asked for it.
    private bool WritesThrough => _hasWriteCacheChoice ? !_device.WritesBack : !_hasFlush;

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        for (int i = 0; i < RequestsPerTurn && !_isStopped; i++)
        {
            if (!_free.TryPop(out BlockRequest? request)) request = NewRequest();
            QueueTake take = _runner.Queue.TryTake(request.Chain);
            if (take != QueueTake.Taken)
            {
                _free.Push(request);
                return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
            }

            Start(request);
        }

        return _isStopped ? QueueTurn.Waiting : QueueTurn.More;
    }

    /// <inheritdoc/>
    public void Stop() => _isStopped = true;

    /// <inheritdoc/>
    public void Complete(int tag, int result)
    {
        BlockRequest request = _requests[tag];
        Continue(request, result);
        _runner.Touch();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _device.Closed(this);
        _disk.Dispose();
        foreach (BlockRequest request in _requests) request.Dispose();
        _requests.Clear();
    }

    private BlockRequest NewRequest()
    {
        var request = new BlockRequest(_requests.Count);
        _requests.Add(request);
        return request;
    }

    private void Start(BlockRequest request)
    {
        DescriptorChain chain = request.Chain;
        request.Started = Stopwatch.GetTimestamp();
        request.Data.Clear();
        request.ReadBytes = 0;
        request.FlushAfter = false;
        Span<byte> bytes = stackalloc byte[BlockRequestHeader.Size];
        if (chain.WritableBytes < 1 || !chain.TryRead(_runner.Queue.Memory, 0, bytes) || !BlockRequestHeader.TryRead(bytes, out BlockRequestHeader header))
        {
            _runner.Queue.Abandon("a block request has no header or no room for its status");
            _free.Push(request);
            return;
        }

        request.Type = header.Type;
        int result = header.Type switch
        {
            BlockRequestType.Read => StartRead(request, header.Sector),
            BlockRequestType.Write => StartWrite(request, header.Sector),
            BlockRequestType.Flush => _disk.Flush(this, request.Tag),
            BlockRequestType.GetId => WriteId(request),
            BlockRequestType.Discard or BlockRequestType.WriteZeroes => StartRanges(request),
            _ => -Errno.EOPNOTSUPP,
        };
        if (result != IDiskQueue.Pending) Continue(request, result);
    }

    private int StartRead(BlockRequest request, ulong sector)
    {
        long bytes = request.Chain.WritableBytes - 1;
        if (!IsInside(sector, bytes, out long offset) || !request.Chain.TryAddWritable(request.Data, _runner.Queue.Memory, 0, bytes)) return -Errno.EINVAL;
        request.ReadBytes = (int)bytes;
        return _disk.Read(request.Data, offset, this, request.Tag);
    }

    private int StartWrite(BlockRequest request, ulong sector)
    {
        long bytes = request.Chain.ReadableBytes - BlockRequestHeader.Size;
        if (_device.IsReadOnly) return -Errno.EROFS;
        if (!IsInside(sector, bytes, out long offset)
            || !request.Chain.TryAddReadable(request.Data, _runner.Queue.Memory, BlockRequestHeader.Size, bytes))
        {
            return -Errno.EINVAL;
        }

        _bytesWritten += bytes;
        return _disk.Write(request.Data, offset, WritesThrough, this, request.Tag);
    }

    private int WriteId(BlockRequest request)
    {
        // Drivers give 20 bytes; a shorter buffer gets the start.
        ReadOnlySpan<byte> id = _device.Serial;
        int bytes = (int)Math.Min(request.Chain.WritableBytes - 1, id.Length);
        if (!request.Chain.TryWrite(_runner.Queue.Memory, 0, id[..bytes])) return -Errno.EINVAL;
        request.ReadBytes = bytes;
        return bytes;
    }

    private int StartRanges(BlockRequest request)
    {
        long bytes = request.Chain.ReadableBytes - BlockRequestHeader.Size;
        if (!_device.Offers(request.Type)) return -Errno.EOPNOTSUPP;
        if (bytes == 0 || bytes % BlockRangeSegment.Size != 0 || bytes > BlockDevice.MaximumRanges * BlockRangeSegment.Size) return -Errno.EINVAL;
        request.RangesLeft = (int)(bytes / BlockRangeSegment.Size);
        request.NextRange = BlockRequestHeader.Size;
        request.FlushAfter = request.Type == BlockRequestType.WriteZeroes && WritesThrough;
        return StartNextRange(request);
    }

    private int StartNextRange(BlockRequest request)
    {
        Span<byte> bytes = stackalloc byte[BlockRangeSegment.Size];
        if (!request.Chain.TryRead(_runner.Queue.Memory, request.NextRange, bytes) || !BlockRangeSegment.TryRead(bytes, out BlockRangeSegment range))
            return -Errno.EINVAL;
        request.NextRange += BlockRangeSegment.Size;
        request.RangesLeft--;
        bool zeroes = request.Type == BlockRequestType.WriteZeroes;
        if ((range.Flags & ~BlockRangeSegment.Unmap) != 0 || (!zeroes && range.Flags != 0)) return -Errno.EOPNOTSUPP;
        if (range.Sectors > _device.MaximumRangeSectors
            || !IsInside(range.Sector, (long)range.Sectors * BlockConfig.SectorBytes, out long offset))
        {
            return -Errno.EINVAL;
        }

        long length = (long)range.Sectors * BlockConfig.SectorBytes;
        return zeroes
            ? _disk.WriteZeroes(offset, length, (range.Flags & BlockRangeSegment.Unmap) != 0, this, request.Tag)
            : _disk.Discard(offset, length, this, request.Tag);
    }

    private void Continue(BlockRequest request, int result)
    {
        while (result >= 0 && request.RangesLeft > 0)
        {
            result = StartNextRange(request);
            if (result == IDiskQueue.Pending) return;
        }

        request.RangesLeft = 0;
        if (result >= 0 && request.FlushAfter)
        {
            request.FlushAfter = false;
            result = _disk.Flush(this, request.Tag);
            if (result == IDiskQueue.Pending) return;
        }

        Finish(request, result);
    }

    private void Finish(BlockRequest request, int result)
    {
        DescriptorChain chain = request.Chain;
        // A short read is the medium's end, which the geometry has ruled out.
        if (request.Type is BlockRequestType.Read && result >= 0 && result != request.ReadBytes) result = -Errno.EIO;
        BlockStatus status = BlockRequest.StatusOf(result);
        // A driver whose status is no memory learns nothing; the chain is given back all the same.
        _ = chain.TryWrite(_runner.Queue.Memory, chain.WritableBytes - 1, [(byte)status]);
        _completed++;
        _ticks += Stopwatch.GetTimestamp() - request.Started;
        if (status != BlockStatus.Ok) _failed++;
        else if (request.Type == BlockRequestType.Read) _bytesRead += request.ReadBytes;
        // Up to the status, which is the last writable byte, whatever a failed read has left before it.
        _runner.Complete(chain, (uint)Math.Min(uint.MaxValue, chain.WritableBytes));
        _free.Push(request);
    }

    private bool IsInside(ulong sector, long bytes, out long offset)
    {
        DiskGeometry geometry = _device.Geometry;
        ulong sectors = (ulong)geometry.Bytes / BlockConfig.SectorBytes;
        offset = 0;
        if (bytes < 0 || bytes > int.MaxValue || sector > sectors) return false;
        offset = (long)sector * BlockConfig.SectorBytes;
        return bytes <= geometry.Bytes - offset && (offset | bytes) % geometry.LogicalSectorBytes == 0;
    }
}
