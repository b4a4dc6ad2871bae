using System.Buffers.Binary;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Scsi;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Scsi;

/// <summary>One request queue of a SCSI host: chains become commands of the target. One lane.</summary>
/// <remarks>Only a chain without room for command or answer breaks the queue. Allocates nothing once it has had as many commands at once as it gets.</remarks>
internal sealed class ScsiRequestQueue(ScsiHost host, QueueRunner runner, ScsiTargetQueue target) : IQueueWorker
{
    // One busy queue does not keep the lane's others, or its completions, waiting for longer than this many requests.
    private const int RequestsPerTurn = 128;

    private readonly List<ScsiCommandRequest> _requests = [];
    private readonly Stack<ScsiCommandRequest> _free = new();
    private readonly byte[] _bytes = new byte[VirtioScsiLayout.RequestBytes + byte.MaxValue];
    private bool _isStopped;

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        for (int i = 0; i < RequestsPerTurn && !_isStopped; i++)
        {
            if (!_free.TryPop(out ScsiCommandRequest? request)) request = NewRequest();
            QueueTake take = runner.Queue.TryTake(request.Chain);
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
    public void Dispose()
    {
        host.Closed(this);
        target.Dispose();
        foreach (ScsiCommandRequest request in _requests) request.Dispose();
        _requests.Clear();
    }

    /// <summary>How many commands that are meant are under way. On the lane.</summary>
    public int CountOf(ScsiTaskFilter filter) => _requests.Count(request => request.IsActive && filter.Means(request));

    /// <summary>Signals when every command that is meant and under way has ended. On the lane.</summary>
    public void Await(ScsiTaskFilter filter, ScsiTaskBarrier barrier)
    {
        foreach (ScsiCommandRequest request in _requests)
        {
            if (!request.IsActive || !filter.Means(request)) continue;
            barrier.Count(1);
            barrier.Add();
            request.Ended += barrier.Signal;
        }

        barrier.Signal();
    }

    /// <summary>The target has carried a command out.</summary>
    public void Completed(ScsiCommandRequest request)
    {
        Answer(request, request is { NoSuchUnit: true, Address.Target: not 0 } ? VirtioScsiResponse.BadTarget : VirtioScsiResponse.Ok);
        runner.Touch();
    }

    private ScsiCommandRequest NewRequest()
    {
        var request = new ScsiCommandRequest(this);
        _requests.Add(request);
        return request;
    }

    private void Start(ScsiCommandRequest request)
    {
        int commandBytes = host.CommandBytes;
        request.SenseRoom = host.SenseBytes;
        Span<byte> header = _bytes.AsSpan(0, VirtioScsiLayout.RequestBytes + commandBytes);
        int answerBytes = VirtioScsiLayout.AnswerBytes + request.SenseRoom;
        DescriptorChain chain = request.Chain;
        if (chain.WritableBytes < answerBytes || !chain.TryRead(runner.Queue.Memory, 0, header))
        {
            runner.Queue.Abandon("a SCSI request has no command or no room for its answer");
            _free.Push(request);
            return;
        }

        request.IsActive = true;
        request.Status = ScsiStatus.Good;
        request.NoSuchUnit = false;
        request.Transferred = 0;
        request.Data.Clear();
        request.Id = BinaryPrimitives.ReadUInt64LittleEndian(header[VirtioScsiLayout.UnitBytes..]);
        request.Initiator = host.Initiator;
        header.Slice(VirtioScsiLayout.RequestBytes, ScsiRequest.MaximumCdbBytes).CopyTo(request.Cdb);
        bool known = VirtioScsiLayout.TryReadUnit(header, out byte id, out byte lun);
        request.Address = new ScsiAddress(0, id, lun);
        if (!known) Answer(request, VirtioScsiResponse.BadTarget);
        else if (!TryAddData(request, header.Length, answerBytes)) Answer(request, VirtioScsiResponse.Failure);
        else target.Execute(request);
    }

    private bool TryAddData(ScsiCommandRequest request, int commandEnd, int answerBytes)
    {
        DescriptorChain chain = request.Chain;
        long written = chain.ReadableBytes - commandEnd;
        long read = chain.WritableBytes - answerBytes;
        request.DataBytes = written + read;
        request.Direction = written > 0 ? ScsiDirection.Write : read > 0 ? ScsiDirection.Read : ScsiDirection.None;
        // Both ways at once is a feature that is not offered.
        if ((written > 0 && read > 0) || request.DataBytes > ScsiHost.MaximumTransferBytes) return false;
        return written > 0
            ? chain.TryAddReadable(request.Data, runner.Queue.Memory, commandEnd, written)
            : chain.TryAddWritable(request.Data, runner.Queue.Memory, answerBytes, read);
    }

    private void Answer(ScsiCommandRequest request, VirtioScsiResponse response)
    {
        Span<byte> answer = _bytes.AsSpan(0, VirtioScsiLayout.AnswerBytes + request.SenseRoom);
        answer.Clear();
        bool hasSense = response == VirtioScsiResponse.Ok && request.Status == ScsiStatus.CheckCondition;
        int sense = hasSense ? Math.Min(ScsiRequest.SenseBytes, request.SenseRoom) : 0;
        BinaryPrimitives.WriteUInt32LittleEndian(answer, (uint)sense);
        BinaryPrimitives.WriteUInt32LittleEndian(answer[4..], (uint)Math.Clamp(request.DataBytes - request.Transferred, 0, uint.MaxValue));
        answer[10] = (byte)request.Status;
        answer[11] = (byte)response;
        request.Sense[..sense].CopyTo(answer[VirtioScsiLayout.AnswerBytes..]);
        DescriptorChain chain = request.Chain;
        // A driver whose answer is no memory learns nothing; the chain is given back all the same.
        _ = chain.TryWrite(runner.Queue.Memory, 0, answer);
        runner.Complete(chain, (uint)Math.Min(uint.MaxValue, request.Direction == ScsiDirection.Read ? chain.WritableBytes : answer.Length));
        request.IsActive = false;
        Action? ended = request.Ended;
        request.Ended = null;
        _free.Push(request);
        ended?.Invoke();
    }
}
