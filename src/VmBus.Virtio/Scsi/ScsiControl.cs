using System.Buffers.Binary;
using VmBus.Lanes;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Scsi;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Scsi;

/// <summary>The control queue of a SCSI host: task management, and notices of which there are none. One lane.</summary>
/// <remarks>What a disk has begun it ends: a function that ends commands waits for those that it means, and is answered after them.</remarks>
internal sealed class ScsiControl(ScsiHost host, QueueRunner runner, Lane lane) : IQueueWorker
{
    private const int RequestsPerTurn = 16;

    private readonly Stack<DescriptorChain> _free = new();
    private bool _isStopped;

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        for (int i = 0; i < RequestsPerTurn && !_isStopped; i++)
        {
            if (!_free.TryPop(out DescriptorChain? chain)) chain = new DescriptorChain();
            QueueTake take = runner.Queue.TryTake(chain);
            if (take != QueueTake.Taken)
            {
                _free.Push(chain);
                return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
            }

            if (TryStart(chain)) continue;
            runner.Queue.Abandon("a SCSI control request is of no known type, too short, or without room for its answer");
            return QueueTurn.Broken;
        }

        return _isStopped ? QueueTurn.Waiting : QueueTurn.More;
    }

    /// <inheritdoc/>
    public void Stop() => _isStopped = true;

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }

    private bool TryStart(DescriptorChain chain)
    {
        Span<byte> request = stackalloc byte[VirtioScsiLayout.TaskBytes];
        if (!chain.TryRead(runner.Queue.Memory, 0, request[..sizeof(uint)])) return false;
        switch ((VirtioScsiControl)BinaryPrimitives.ReadUInt32LittleEndian(request))
        {
            case VirtioScsiControl.TaskManagement:
                if (chain.WritableBytes < 1 || !chain.TryRead(runner.Queue.Memory, 0, request)) return false;
                StartTask(chain, request);
                return true;
            case VirtioScsiControl.QueryNotices or VirtioScsiControl.SubscribeNotices:
                if (chain.WritableBytes < VirtioScsiLayout.NoticeAnswerBytes || !chain.TryRead(runner.Queue.Memory, 0, request[..VirtioScsiLayout.NoticeBytes])) return false;
                Span<byte> none = stackalloc byte[VirtioScsiLayout.NoticeAnswerBytes];
                none.Clear();
                Answer(chain, none);
                return true;
            default:
                return false;
        }
    }

    private void StartTask(DescriptorChain chain, ReadOnlySpan<byte> request)
    {
        const int UnitAt = 8;
        var function = (VirtioScsiTask)BinaryPrimitives.ReadUInt32LittleEndian(request[sizeof(uint)..]);
        ulong id = BinaryPrimitives.ReadUInt64LittleEndian(request[(UnitAt + VirtioScsiLayout.UnitBytes)..]);
        bool known = VirtioScsiLayout.TryReadUnit(request[UnitAt..], out byte target, out byte lun);
        var address = new ScsiAddress(0, target, lun);
        if (!known)
        {
            Answer(chain, VirtioScsiResponse.IncorrectUnit);
            return;
        }

        switch (function)
        {
            case VirtioScsiTask.Abort:
                host.AwaitCommands(new ScsiTaskFilter(address, id), _ => AnswerLater(chain, VirtioScsiResponse.Ok));
                break;
            case VirtioScsiTask.AbortSet or VirtioScsiTask.ClearSet:
                host.AwaitCommands(new ScsiTaskFilter(address, null), _ => AnswerLater(chain, VirtioScsiResponse.Ok));
                break;
            case VirtioScsiTask.ResetUnit:
                host.AwaitCommands(new ScsiTaskFilter(address, null), _ =>
                {
                    host.Target.Reset(address);
                    AnswerLater(chain, VirtioScsiResponse.Ok);
                });
                break;
            case VirtioScsiTask.ResetNexus:
                host.AwaitCommands(default, _ =>
                {
                    host.Target.Reset();
                    AnswerLater(chain, VirtioScsiResponse.Ok);
                });
                break;
            case VirtioScsiTask.Query:
                host.CountCommands(new ScsiTaskFilter(address, id), count => AnswerLater(chain, count > 0 ? VirtioScsiResponse.Succeeded : VirtioScsiResponse.Ok));
                break;
            case VirtioScsiTask.QuerySet:
                host.CountCommands(new ScsiTaskFilter(address, null), count => AnswerLater(chain, count > 0 ? VirtioScsiResponse.Succeeded : VirtioScsiResponse.Ok));
                break;
            case VirtioScsiTask.ClearAca:
                Answer(chain, VirtioScsiResponse.Ok);
                break;
            default:
                Answer(chain, VirtioScsiResponse.Rejected);
                break;
        }
    }

    // From any lane.
    private void AnswerLater(DescriptorChain chain, VirtioScsiResponse response) => lane.Post(() =>
    {
        Answer(chain, response);
        runner.Touch();
    });

    private void Answer(DescriptorChain chain, VirtioScsiResponse response) => Answer(chain, [(byte)response]);

    private void Answer(DescriptorChain chain, ReadOnlySpan<byte> answer)
    {
        _ = chain.TryWrite(runner.Queue.Memory, 0, answer);
        runner.Complete(chain, (uint)answer.Length);
        _free.Push(chain);
    }
}
