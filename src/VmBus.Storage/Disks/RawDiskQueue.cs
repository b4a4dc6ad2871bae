using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;

namespace VmBus.Storage.Disks;

/// <summary>One lane's way to a <see cref="RawDisk"/>.</summary>
/// <remarks>
/// What is likely in the page cache and short is done at once on the lane's thread, within <see cref="InlineBudget"/>; the rest, and what
/// may wait for a device (direct I/O, flush, durable writes, discard), goes to the lane's engine.
/// </remarks>
internal sealed class RawDiskQueue : IDiskQueue, IIoCompletion, ILaneHandler
{
    private const int BounceBytes = 1 << 20;

    // Direct transfers from unaligned memory and writes of zeroes are rare; more of them at once wait for a buffer.
    private const int MaximumBounces = 4;

    // What the requests of one channel commonly need at once; more are made when first needed, and kept.
    private const int PreparedTransfers = 256;

    private readonly RawDisk _disk;
    private readonly Lane _lane;
    private readonly List<RawTransfer> _transfers = new(PreparedTransfers);
    private readonly Stack<RawTransfer> _free = new(PreparedTransfers);
    private readonly Queue<RawTransfer> _waiting = new(PreparedTransfers);
    private readonly Queue<RawTransfer> _bounceless = new();
    private readonly Stack<BounceBuffer> _bounces = new();
    private int _bounceCount;
    private int _inFlight;
    private InlineBudget _budget;
    private bool _noWait = true;
    private long _inlineReads;
    private long _inlineWrites;
    private long _inlineMisses;
    private long _laneOperations;
    private long _bounced;

    internal RawDiskQueue(RawDisk disk, Lane lane)
    {
        _disk = disk;
        _lane = lane;
        for (int i = 0; i < PreparedTransfers; i++) _free.Push(NewTransfer());
    }

    internal RawDiskCounters Counters => new(_inlineReads, _inlineWrites, _inlineMisses, _laneOperations, _bounced);

    /// <inheritdoc/>
    public int Read(IoVectorList data, long offset, IIoCompletion completion, int tag)
    {
        if (data.Bytes == 0) return 0;
        int total = (int)data.Bytes;
        int done = 0;
        if (_noWait && !_disk.Direct.IsDirect && _budget.TryBeginRead(_lane, total, _disk.InlineReads))
        {
            int result = LinuxFile.Read(_disk.File, data.Address, Math.Min(data.Count, LinuxFile.MaximumVectors), offset, LinuxFile.NoWait);
            _budget.End();
            if (result == total)
            {
                _inlineReads++;
                return total;
            }

            // Any failure is left to the engine's attempt, whose answer counts.
            if (result == -Errno.EOPNOTSUPP) _noWait = false;
            _inlineMisses++;
            done = Math.Max(0, result);
            data.Advance(done);
        }

        return Start(RawTransferKind.Read, data, offset + done, total - done, done, false, completion, tag);
    }

    /// <inheritdoc/>
    public int Write(IoVectorList data, long offset, bool forceUnitAccess, IIoCompletion completion, int tag)
    {
        if (_disk.Traits.ReadOnly) return -Errno.EROFS;
        if (data.Bytes == 0) return 0;
        int total = (int)data.Bytes;
        int done = 0;
        if (!forceUnitAccess && !_disk.Direct.IsDirect && _budget.TryBeginWrite(_lane, total, _disk.InlineWrites))
        {
            int result = LinuxFile.Write(_disk.File, data.Address, Math.Min(data.Count, LinuxFile.MaximumVectors), offset, 0);
            _budget.End();
            _inlineWrites++;
            if (result == total || (result < 0 && result != -Errno.EAGAIN)) return result;
            done = Math.Max(0, result);
            data.Advance(done);
        }

        return Start(RawTransferKind.Write, data, offset + done, total - done, done, forceUnitAccess, completion, tag);
    }

    /// <inheritdoc/>
    public int Flush(IIoCompletion completion, int tag) =>
        _disk.Traits.ReadOnly ? 0 : Start(RawTransferKind.Flush, null, 0, 0, 0, false, completion, tag);

    /// <inheritdoc/>
    public int Discard(long offset, long bytes, IIoCompletion completion, int tag)
    {
        if (_disk.Traits.ReadOnly) return -Errno.EROFS;
        if (_disk.Traits.DiscardGranularityBytes == 0) return -Errno.EOPNOTSUPP;
        return bytes == 0 ? 0 : Start(RawTransferKind.Discard, null, offset, bytes, 0, false, completion, tag);
    }

    /// <inheritdoc/>
    public int WriteZeroes(long offset, long bytes, bool mayUnmap, IIoCompletion completion, int tag)
    {
        if (_disk.Traits.ReadOnly) return -Errno.EROFS;
        if (bytes == 0) return 0;
        bool hole = mayUnmap && _disk.Traits.DiscardGranularityBytes > 0;
        return Start(hole ? RawTransferKind.ZeroByHole : RawTransferKind.ZeroRange, null, offset, bytes, 0, false, completion, tag);
    }

    /// <inheritdoc/>
    public void Complete(int tag, int result)
    {
        RawTransfer transfer = _transfers[tag];
        _inFlight--;
        if (!Continue(transfer, ref result))
        {
            IIoCompletion completion = transfer.Completion!;
            int userTag = transfer.Tag;
            Release(transfer);
            completion.Complete(userTag, result);
        }

        StartWaiting();
    }

    /// <summary>Tries again what found the lane full.</summary>
    public bool Run()
    {
        StartWaiting();
        return _waiting.Count > 0 && _inFlight == 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disk.Closed(this);
        while (_bounces.TryPop(out BounceBuffer? buffer)) buffer.Dispose();
    }

    private int Start(
        RawTransferKind kind, IoVectorList? data, long offset, long left, int done, bool durable, IIoCompletion completion, int tag)
    {
        if (!_free.TryPop(out RawTransfer? transfer)) transfer = NewTransfer();
        transfer.Kind = kind;
        transfer.Data = data;
        transfer.Offset = offset;
        transfer.Left = left;
        transfer.Done = done;
        transfer.Durable = durable;
        transfer.Completion = completion;
        transfer.Tag = tag;
        Submit(transfer);
        return IDiskQueue.Pending;
    }

    private RawTransfer NewTransfer()
    {
        var transfer = new RawTransfer(_transfers.Count);
        _transfers.Add(transfer);
        return transfer;
    }

    /// <summary>Looks at the end of one step.</summary>
    /// <returns>True when another step was started; else <paramref name="result"/> is the operation's.</returns>
    private bool Continue(RawTransfer transfer, ref int result)
    {
        if (result is -Errno.EINTR or -Errno.EAGAIN) return Submit(transfer);
        switch (transfer.Kind)
        {
            case RawTransferKind.Read or RawTransferKind.Write or RawTransferKind.ZeroByWriting:
                return ContinueTransfer(transfer, ref result);
            case RawTransferKind.ZeroByHole when result == -Errno.EOPNOTSUPP:
                transfer.Kind = RawTransferKind.ZeroRange;
                return Submit(transfer);
            case RawTransferKind.ZeroRange when result == -Errno.EOPNOTSUPP:
                transfer.Kind = RawTransferKind.ZeroByWriting;
                return Submit(transfer);
            default:
                return false;
        }
    }

    private bool ContinueTransfer(RawTransfer transfer, ref int result)
    {
        if (result < 0) return false;
        if (result == 0)
        {
            // The medium ends before its geometry does.
            result = -Errno.EIO;
            return false;
        }

        if (transfer.Kind == RawTransferKind.Read && transfer.Bounce is { } bounce) transfer.Data!.CopyFrom(bounce.Data[..result]);
        transfer.Data?.Advance(result);
        transfer.Offset += result;
        transfer.Left -= result;
        transfer.Done += transfer.Kind == RawTransferKind.ZeroByWriting ? 0 : result;
        if (transfer.Left > 0) return Submit(transfer);
        result = transfer.Done;
        return false;
    }

    private bool Submit(RawTransfer transfer)
    {
        if (!TryPrepareBounce(transfer))
        {
            _bounceless.Enqueue(transfer);
            return true;
        }

        if (_waiting.Count == 0 && TryStart(transfer)) return true;
        _waiting.Enqueue(transfer);
        // The next completion of ours starts it. With none to come the lane is full of others' operations: only trying again tells.
        if (_inFlight == 0) _lane.Schedule(this);
        return true;
    }

    private void StartWaiting()
    {
        while (_waiting.TryPeek(out RawTransfer? transfer) && TryStart(transfer)) _waiting.Dequeue();
    }

    private bool TryStart(RawTransfer transfer)
    {
        if (!TryStartOnLane(transfer)) return false;
        _laneOperations++;
        _inFlight++;
        return true;
    }

    private bool TryPrepareBounce(RawTransfer transfer)
    {
        bool zeroes = transfer.Kind == RawTransferKind.ZeroByWriting;
        bool copies = transfer.Data is { } data && _disk.Direct.IsDirect && (transfer.Bounce is not null || !data.IsAligned(_disk.Direct.MemoryBytes));
        if (!zeroes && !copies) return true;
        if (transfer.Bounce is null)
        {
            if (!_bounces.TryPop(out BounceBuffer? buffer))
            {
                if (_bounceCount == MaximumBounces) return false;
                buffer = new BounceBuffer(BounceBytes);
                _bounceCount++;
            }

            transfer.Bounce = buffer;
            if (zeroes) buffer.Data.Clear();
            else _bounced++;
        }

        transfer.Step = (int)Math.Min(BounceBytes, transfer.Left);
        if (transfer.Kind == RawTransferKind.Write) transfer.Data!.CopyTo(transfer.Bounce.Data[..transfer.Step]);
        return true;
    }

    private bool TryStartOnLane(RawTransfer transfer)
    {
        LinuxFile file = _disk.File;
        switch (transfer.Kind)
        {
            case RawTransferKind.Read:
                (nint source, int sourceCount) = VectorsOf(transfer);
                return _lane.TryRead(file, source, sourceCount, transfer.Offset, this, transfer.Index);
            case RawTransferKind.Write or RawTransferKind.ZeroByWriting:
                (nint target, int targetCount) = VectorsOf(transfer);
                return _lane.TryWrite(file, target, targetCount, transfer.Offset, transfer.Durable, this, transfer.Index);
            case RawTransferKind.Flush:
                return _lane.TryFlush(file, this, transfer.Index);
            case RawTransferKind.Discard when _disk.IsBlockDevice:
                return _lane.TryDiscardBlocks(file, transfer.Offset, transfer.Left, this, transfer.Index);
            case RawTransferKind.Discard or RawTransferKind.ZeroByHole:
                return _lane.TryAllocate(
                    file, LinuxFile.PunchHole | LinuxFile.KeepSize, transfer.Offset, transfer.Left, this, transfer.Index);
            case RawTransferKind.ZeroRange:
                return _lane.TryAllocate(
                    file, LinuxFile.ZeroRange | LinuxFile.KeepSize, transfer.Offset, transfer.Left, this, transfer.Index);
            default:
                return false;
        }
    }

    private static (nint Address, int Count) VectorsOf(RawTransfer transfer) => transfer.Bounce is { } bounce
        ? (bounce.Vector(transfer.Step), 1)
        : (transfer.Data!.Address, Math.Min(transfer.Data.Count, LinuxFile.MaximumVectors));

    private void Release(RawTransfer transfer)
    {
        if (transfer.Bounce is { } buffer) _bounces.Push(buffer);
        transfer.Bounce = null;
        transfer.Data = null;
        transfer.Completion = null;
        _free.Push(transfer);
        if (_bounces.Count > 0 && _bounceless.TryDequeue(out RawTransfer? next)) Submit(next);
    }
}
