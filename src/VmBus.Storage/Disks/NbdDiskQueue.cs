using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Native.Nbd;

namespace VmBus.Storage.Disks;

/// <summary>One lane's connection to the server of a <see cref="QemuNbdDisk"/>.</summary>
/// <remarks>
/// The library takes one buffer per command: a large piece of guest memory goes to it directly, small pieces go together through a copy.
/// One operation has at most one command under way, so the steps of an operation need no accounting between them.
/// </remarks>
internal sealed class NbdDiskQueue : IDiskQueue, ILaneHandler
{
    // Below this a copy costs less than a command and its reply.
    private const int DirectPieceBytes = 64 * 1024;
    private const int BounceBytes = 256 * 1024;

    // Well under the 32 MiB that servers take; keeps one command from holding up the connection.
    private const int MaximumDataBytes = 4 << 20;

    // The length field has 32 bits.
    private const long MaximumRangeBytes = 1L << 30;

    private readonly QemuNbdServer _server;
    private readonly DiskTraits _traits;
    private readonly Lane _lane;
    private readonly NbdConnection? _connection;
    private readonly Dictionary<long, NbdTransfer> _commands = [];
    private readonly Stack<NbdTransfer> _free = new();
    private readonly Stack<BounceBuffer> _bounces = new();
    private readonly Queue<NbdTransfer> _failed = new();
    private LaneWatch? _watch;

    internal NbdDiskQueue(QemuNbdServer server, DiskTraits traits, Lane lane)
    {
        _server = server;
        _traits = traits;
        _lane = lane;
        _connection = server.Connect();
        if (_connection is not null) _watch = lane.WatchReadiness(_connection.Socket, LaneReadiness.Readable, this);
        else server.ReportLoss();
    }

    /// <inheritdoc/>
    public int Read(IoVectorList data, long offset, IIoCompletion completion, int tag) =>
        data.Bytes == 0 ? 0 : Start(NbdTransferKind.Read, data, offset, data.Bytes, false, completion, tag);

    /// <inheritdoc/>
    public int Write(IoVectorList data, long offset, bool forceUnitAccess, IIoCompletion completion, int tag)
    {
        if (_traits.ReadOnly) return -Errno.EROFS;
        return data.Bytes == 0 ? 0 : Start(NbdTransferKind.Write, data, offset, data.Bytes, forceUnitAccess, completion, tag);
    }

    /// <inheritdoc/>
    public int Flush(IIoCompletion completion, int tag) =>
        _traits.WriteCache ? Start(NbdTransferKind.Flush, null, 0, 0, false, completion, tag) : 0;

    /// <inheritdoc/>
    public int Discard(long offset, long bytes, IIoCompletion completion, int tag)
    {
        if (_traits.ReadOnly) return -Errno.EROFS;
        if (_traits.DiscardGranularityBytes == 0) return -Errno.EOPNOTSUPP;
        return bytes == 0 ? 0 : Start(NbdTransferKind.Trim, null, offset, bytes, false, completion, tag);
    }

    /// <inheritdoc/>
    public int WriteZeroes(long offset, long bytes, bool mayUnmap, IIoCompletion completion, int tag)
    {
        if (_traits.ReadOnly) return -Errno.EROFS;
        NbdTransferKind kind = _server.Export.CanZero ? NbdTransferKind.Zero : NbdTransferKind.WriteZeroes;
        return bytes == 0 ? 0 : Start(kind, null, offset, bytes, mayUnmap, completion, tag);
    }

    /// <summary>Moves the connection on and completes what is over.</summary>
    public bool Run()
    {
        if (_connection is null || _watch is null) return false;
        NbdDirection direction = _connection.Direction;
        LaneReadiness ready = _watch.TakeReady();
        // Only what is true may be told, once: after a notification in vain the library no longer sends what it is given.
        if ((direction & NbdDirection.Read) != 0 && (ready & LaneReadiness.Readable) != 0) _connection.NotifyReadable();
        else if ((direction & NbdDirection.Write) != 0 && (ready & LaneReadiness.Writable) != 0) _connection.NotifyWritable();
        TakeCompleted();
        FollowDirection();
        return false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _watch?.Dispose();
        _watch = null;
        _connection?.Dispose();
        while (_bounces.TryPop(out BounceBuffer? buffer)) buffer.Dispose();
    }

    private int Start(NbdTransferKind kind, IoVectorList? data, long offset, long bytes, bool option, IIoCompletion completion, int tag)
    {
        if (_watch is null) return -Errno.EIO;
        if (!_free.TryPop(out NbdTransfer? transfer)) transfer = new NbdTransfer();
        transfer.Kind = kind;
        transfer.Data = data;
        transfer.Offset = offset;
        transfer.Left = bytes;
        transfer.Total = data is null ? 0 : (int)bytes;
        transfer.Option = option;
        transfer.Completion = completion;
        transfer.Tag = tag;
        int refused = StartStep(transfer);
        if (refused == 0)
        {
            FollowDirection();
            return IDiskQueue.Pending;
        }

        Release(transfer);
        if (_connection!.IsDead) _lane.Schedule(this);
        return refused;
    }

    /// <summary>Starts the next command of an operation.</summary>
    /// <returns>0, or negative errno.</returns>
    private int StartStep(NbdTransfer transfer)
    {
        long cookie = transfer.Kind switch
        {
            NbdTransferKind.Read => _connection!.Read(PrepareData(transfer), (int)transfer.Step, transfer.Offset),
            NbdTransferKind.Write => _connection!.Write(PrepareData(transfer), (int)transfer.Step, transfer.Offset, Durability(transfer)),
            NbdTransferKind.WriteZeroes => _connection!.Write(PrepareZeroes(transfer), (int)transfer.Step, transfer.Offset, NbdCommandFlags.None),
            NbdTransferKind.Flush => _connection!.Flush(),
            NbdTransferKind.Trim => _connection!.Trim(transfer.Offset, transfer.Step = Math.Min(transfer.Left, MaximumRangeBytes)),
            NbdTransferKind.Zero => _connection!.Zero(
                transfer.Offset,
                transfer.Step = Math.Min(transfer.Left, MaximumRangeBytes),
                transfer.Option ? NbdCommandFlags.None : NbdCommandFlags.NoHole),
        };
        if (cookie < 0) return _connection!.IsDead ? -Errno.EIO : (int)cookie;
        _commands.Add(cookie, transfer);
        return 0;
    }

    private NbdCommandFlags Durability(NbdTransfer transfer) =>
        transfer.Option && _server.Export.CanForceUnitAccess ? NbdCommandFlags.ForceUnitAccess : NbdCommandFlags.None;

    private nint PrepareData(NbdTransfer transfer)
    {
        IoVectorList data = transfer.Data!;
        transfer.Bounced = data.Count > 1 && data.FirstPieceBytes < DirectPieceBytes;
        if (!transfer.Bounced)
        {
            transfer.Step = Math.Min(data.FirstPieceBytes, MaximumDataBytes);
            return data.FirstPieceAddress;
        }

        BounceBuffer buffer = transfer.Bounce ??= TakeBounce();
        transfer.Step = Math.Min(transfer.Left, BounceBytes);
        if (transfer.Kind == NbdTransferKind.Write) data.CopyTo(buffer.Data[..(int)transfer.Step]);
        return buffer.Address;
    }

    private nint PrepareZeroes(NbdTransfer transfer)
    {
        if (transfer.Bounce is null)
        {
            transfer.Bounce = TakeBounce();
            transfer.Bounce.Data.Clear();
        }

        transfer.Step = Math.Min(transfer.Left, BounceBytes);
        return transfer.Bounce.Address;
    }

    private BounceBuffer TakeBounce() => _bounces.TryPop(out BounceBuffer? buffer) ? buffer : new BounceBuffer(BounceBytes);

    private void TakeCompleted()
    {
        // Whoever hears of its last completion may close the queue there and then, as the removal of a unit does.
        while (_watch is not null && _connection!.TryTakeCompleted(out long cookie, out int result))
        {
            if (_commands.Remove(cookie, out NbdTransfer? transfer)) StepEnded(transfer, result);
        }

        if (_watch is not null && _connection!.IsDead) Fail();
    }

    private void StepEnded(NbdTransfer transfer, int result)
    {
        if (result < 0)
        {
            End(transfer, _connection!.IsDead ? -Errno.EIO : result);
            return;
        }

        if (transfer.Kind == NbdTransferKind.Flush)
        {
            End(transfer, 0);
            return;
        }

        if (transfer.Kind == NbdTransferKind.Read && transfer.Bounced) transfer.Data!.CopyFrom(transfer.Bounce!.Data[..(int)transfer.Step]);
        transfer.Data?.Advance(transfer.Step);
        transfer.Offset += transfer.Step;
        transfer.Left -= transfer.Step;
        int refused = transfer.Left > 0 ? StartStep(transfer) : 0;
        if (refused < 0 || transfer.Left == 0) End(transfer, refused < 0 ? refused : transfer.Total);
    }

    /// <summary>The server is gone: everything ends with an error, now and later.</summary>
    private void Fail()
    {
        _watch?.Dispose();
        _watch = null;
        _server.ReportLoss();
        foreach (NbdTransfer transfer in _commands.Values) _failed.Enqueue(transfer);
        _commands.Clear();
        while (_failed.TryDequeue(out NbdTransfer? transfer)) End(transfer, -Errno.EIO);
    }

    private void End(NbdTransfer transfer, int result)
    {
        IIoCompletion completion = transfer.Completion!;
        int tag = transfer.Tag;
        Release(transfer);
        completion.Complete(tag, result);
    }

    private void Release(NbdTransfer transfer)
    {
        if (transfer.Bounce is { } buffer) _bounces.Push(buffer);
        transfer.Bounce = null;
        transfer.Data = null;
        transfer.Completion = null;
        _free.Push(transfer);
    }

    private void FollowDirection()
    {
        if (_watch is null) return;
        NbdDirection direction = _connection!.Direction;
        LaneReadiness wanted = (direction & NbdDirection.Read) != 0 ? LaneReadiness.Readable : LaneReadiness.None;
        if ((direction & NbdDirection.Write) != 0) wanted |= LaneReadiness.Writable;
        _watch.Change(wanted);
    }
}
