using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Disks;

namespace VmBus.Virtio.Remote;

/// <summary>One lane's way to a disk that a vhost-user back-end serves: operations become requests of a ring that lanes may share.</summary>
/// <remarks>On its lane, but for <see cref="Give"/>. Allocates nothing once it has had as many operations at once as it gets.</remarks>
internal sealed class RemoteDiskQueue : IDiskQueue, ILaneHandler
{
    private readonly RemoteRing _ring;
    private readonly RemoteDiskLimits _limits;
    private readonly DiskTraits _traits;
    private readonly Lane _lane;
    private readonly Stack<RemoteTransfer> _free = new();
    private readonly Queue<RemoteTransfer> _done = new();
    private readonly Action _run;
    private bool _isDisposed;

    public RemoteDiskQueue(RemoteRing ring, RemoteDiskLimits limits, DiskTraits traits, Lane lane)
    {
        _ring = ring;
        _limits = limits;
        _traits = traits;
        _lane = lane;
        _run = () => Run();
    }

    /// <inheritdoc/>
    public int Read(IoVectorList data, long offset, IIoCompletion completion, int tag)
        => Start(BlockRequestType.Read, data, offset, data.Bytes, completion, tag);

    /// <inheritdoc/>
    public int Write(IoVectorList data, long offset, bool forceUnitAccess, IIoCompletion completion, int tag)
        => _traits.ReadOnly ? -Errno.EROFS : Start(BlockRequestType.Write, data, offset, data.Bytes, completion, tag, flushAfter: forceUnitAccess && _limits.CanFlush);

    /// <inheritdoc/>
    public int Flush(IIoCompletion completion, int tag) => _traits.WriteCache ? Start(Take(BlockRequestType.Flush, completion, tag)) : 0;

    /// <inheritdoc/>
    public int Discard(long offset, long bytes, IIoCompletion completion, int tag)
    {
        if (_traits.ReadOnly) return -Errno.EROFS;
        return _limits.CanDiscard ? Start(BlockRequestType.Discard, null, offset, bytes, completion, tag) : -Errno.EOPNOTSUPP;
    }

    /// <inheritdoc/>
    public int WriteZeroes(long offset, long bytes, bool mayUnmap, IIoCompletion completion, int tag)
    {
        if (_traits.ReadOnly) return -Errno.EROFS;
        if (bytes == 0) return 0;
        bool asData = !_limits.CanWriteZeroes;
        RemoteTransfer transfer = Take(asData ? BlockRequestType.Write : BlockRequestType.WriteZeroes, completion, tag);
        transfer.Offset = offset;
        transfer.Left = bytes;
        transfer.MayUnmap = mayUnmap;
        transfer.WritesZeroes = asData;
        return Start(transfer);
    }

    /// <summary>A request of an operation has ended; any thread, under the ring's lock.</summary>
    public void Give(RemoteTransfer transfer)
    {
        _done.Enqueue(transfer);
        if (_lane.IsCurrent)
        {
            _lane.Schedule(this);
            return;
        }

        try
        {
            if (_done.Count == 1) _lane.Post(_run);
        }
        catch (ObjectDisposedException)
        {
            // The lane has ended: nobody waits.
        }
    }

    /// <summary>Makes known what was started in this turn, and ends what has ended.</summary>
    public bool Run()
    {
        if (_isDisposed) return false;
        _ring.Publish();
        // Whoever hears of its last completion may close the queue there and then, as the removal of a unit does.
        while (!_isDisposed && _ring.TryTake(_done, out RemoteTransfer? transfer)) StepEnded(transfer!);
        return false;
    }

    /// <inheritdoc/>
    public void Dispose() => _isDisposed = true;

    private int Start(BlockRequestType type, IoVectorList? data, long offset, long bytes, IIoCompletion completion, int tag, bool flushAfter = false)
    {
        if (bytes == 0) return 0;
        RemoteTransfer transfer = Take(type, completion, tag);
        transfer.Data = data;
        transfer.Offset = offset;
        transfer.Left = bytes;
        transfer.Total = data is null ? 0 : (int)bytes;
        transfer.FlushAfter = flushAfter;
        return Start(transfer);
    }

    private RemoteTransfer Take(BlockRequestType type, IIoCompletion completion, int tag)
    {
        if (!_free.TryPop(out RemoteTransfer? transfer)) transfer = new RemoteTransfer(this);
        transfer.Type = type;
        transfer.Data = null;
        transfer.Offset = transfer.Left = transfer.Step = 0;
        transfer.Total = 0;
        transfer.MayUnmap = transfer.WritesZeroes = transfer.FlushAfter = false;
        transfer.Completion = completion;
        transfer.Tag = tag;
        return transfer;
    }

    private int Start(RemoteTransfer transfer)
    {
        int refused = _ring.Submit(transfer);
        if (refused < 0)
        {
            Release(transfer);
            return refused;
        }

        // One kick for all that this turn starts.
        _lane.Schedule(this);
        return IDiskQueue.Pending;
    }

    private void StepEnded(RemoteTransfer transfer)
    {
        int result = transfer.Result;
        if (result < 0)
        {
            End(transfer, result);
            return;
        }

        transfer.Data?.Advance(transfer.Step);
        transfer.Offset += transfer.Step;
        transfer.Left -= transfer.Step;
        transfer.Step = 0;
        bool goesOn = transfer.Left > 0;
        if (!goesOn && transfer.FlushAfter)
        {
            transfer.FlushAfter = false;
            transfer.Type = BlockRequestType.Flush;
            transfer.Data = null;
            goesOn = true;
        }

        if (!goesOn)
        {
            End(transfer, transfer.Total);
            return;
        }

        int refused = _ring.Submit(transfer);
        if (refused < 0) End(transfer, refused);
        else _lane.Schedule(this);
    }

    private void End(RemoteTransfer transfer, int result)
    {
        IIoCompletion completion = transfer.Completion!;
        int tag = transfer.Tag;
        Release(transfer);
        completion.Complete(tag, result);
    }

    private void Release(RemoteTransfer transfer)
    {
        transfer.Data = null;
        transfer.Completion = null;
        _free.Push(transfer);
    }
}
