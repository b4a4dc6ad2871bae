using System.Buffers.Binary;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Scsi;

/// <summary>The event queue of a SCSI host: units that come, go and change size. One lane.</summary>
/// <remarks>Events wait for buffers of the driver; those beyond what waits are lost, which the next one says.</remarks>
internal sealed class ScsiEvents(ScsiHost host, QueueRunner runner, VirtioScsiFeatures features) : IQueueWorker
{
    // One for each unit that there can be.
    private const int MaximumWaiting = 256;

    private readonly DescriptorChain _chain = new();
    private readonly Queue<(VirtioScsiEvent What, byte Lun, uint Reason)> _waiting = new();
    private bool _hasMissed;
    private bool _isStopped;

    /// <summary>Tells the driver, when it has agreed to be told.</summary>
    public void Add(VirtioScsiEvent what, byte lun, uint reason)
    {
        VirtioScsiFeatures needed = what == VirtioScsiEvent.Changed ? VirtioScsiFeatures.Change : VirtioScsiFeatures.HotPlug;
        if ((features & needed) == 0 || _isStopped) return;
        if (_waiting.Count < MaximumWaiting) _waiting.Enqueue((what, lun, reason));
        else _hasMissed = true;
        runner.Touch();
    }

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        Span<byte> bytes = stackalloc byte[VirtioScsiLayout.EventBytes];
        while (!_isStopped && _waiting.TryPeek(out (VirtioScsiEvent What, byte Lun, uint Reason) next))
        {
            QueueTake take = runner.Queue.TryTake(_chain);
            if (take != QueueTake.Taken) return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
            if (_chain.WritableBytes < bytes.Length)
            {
                runner.Queue.Abandon("a buffer for a SCSI event is too short");
                return QueueTurn.Broken;
            }

            _waiting.Dequeue();
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)(next.What | (_hasMissed ? VirtioScsiEvent.Missed : VirtioScsiEvent.None)));
            VirtioScsiLayout.WriteUnit(bytes[sizeof(uint)..], 0, next.Lun);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[(sizeof(uint) + VirtioScsiLayout.UnitBytes)..], next.Reason);
            _hasMissed = false;
            _ = _chain.TryWrite(runner.Queue.Memory, 0, bytes);
            runner.Complete(_chain, (uint)bytes.Length);
        }

        // Buffers stay where they are until there is something to tell.
        return QueueTurn.Waiting;
    }

    /// <inheritdoc/>
    public void Stop() => _isStopped = true;

    /// <inheritdoc/>
    public void Dispose() => host.Closed(this);
}
