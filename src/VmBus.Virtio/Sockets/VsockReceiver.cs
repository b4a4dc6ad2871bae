using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Sockets;

/// <summary>The receive queue of a socket device: packets for the driver. One lane.</summary>
/// <remarks>
/// Data is read from a Unix socket into several of the driver's buffers with one call, behind the headers that are written when it is known how much came. What
/// was not filled is kept for the next packet, and given back with a length of 0 when the queue stops. Allocates nothing for a packet.
/// </remarks>
internal sealed class VsockReceiver : IQueueWorker
{
    // A driver's buffers for the longest read: Linux has 4 KiB in each.
    private const int MaximumHeld = 16;
    private const int BytesPerRead = 64 << 10;
    private const int ReadsPerTurn = 32;

    private readonly VsockStreams _streams;
    private readonly QueueRunner _runner;
    private readonly DescriptorChain[] _held = [.. Enumerable.Range(0, MaximumHeld).Select(static _ => new DescriptorChain())];
    private readonly IoVectorList _list = new(MaximumHeld, LinuxFile.MaximumVectors);
    private int _heldCount;
    private bool _isEmpty;
    private bool _isBroken;
    private bool _isStopped;

    public VsockReceiver(VsockStreams streams, QueueRunner runner, Lane lane)
    {
        _streams = streams;
        _runner = runner;
        streams.Open(runner, lane);
    }

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        _isEmpty = false;
        for (int i = 0; i < ReadsPerTurn && !_isStopped; i++)
        {
            bool refuses = _streams.TryPeekRefusal(out VsockHeader header);
            VsockStream? stream = null;
            // Buffers stay where they are until there is something for them.
            if (!refuses && !_streams.TryPeekReady(out stream)) return QueueTurn.Waiting;
            if (_heldCount == 0 && !TryHold()) return _isBroken ? QueueTurn.Broken : QueueTurn.Empty;
            if (refuses)
            {
                _streams.RefusalSent();
                Send(header);
                continue;
            }

            if (stream!.TryTakePacket(out header)) Send(header);
            else Pass(stream);
            _streams.Rotate();
            if (_isBroken) return QueueTurn.Broken;
        }

        return _isStopped ? QueueTurn.Waiting : QueueTurn.More;
    }

    /// <inheritdoc/>
    public void Stop()
    {
        _isStopped = true;
        while (_heldCount > 0) Complete(0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _streams.Closed(_runner);
        _list.Dispose();
    }

    // Takes one more of the driver's buffers.
    private bool TryHold()
    {
        if (_isEmpty || _isBroken) return false;
        QueueTake take = _runner.Queue.TryTake(_held[_heldCount]);
        if (take != QueueTake.Taken)
        {
            _isEmpty = take == QueueTake.Empty;
            _isBroken = !_isEmpty;
            return false;
        }

        if (_held[_heldCount].WritableBytes <= VsockHeader.Size)
        {
            _runner.Queue.Abandon("a buffer for packets of sockets has no room for a header and data");
            _isBroken = true;
            return false;
        }

        _heldCount++;
        return true;
    }

    private void Send(in VsockHeader header)
    {
        bool written = TryWrite(header, _held[0]);
        // The driver's loss where that is no memory.
        Complete(written ? VsockHeader.Size : 0U);
    }

    private void Pass(VsockStream stream)
    {
        long wanted = Math.Min(BytesPerRead, stream.Credit);
        int used = 0;
        _list.Clear();
        while (_list.Bytes < wanted && used < MaximumHeld && (used < _heldCount || TryHold()))
        {
            DescriptorChain chain = _held[used];
            if (!chain.TryAddWritable(_list, _runner.Queue.Memory, VsockHeader.Size, Math.Min(chain.WritableBytes - VsockHeader.Size, wanted - _list.Bytes))) break;
            used++;
        }

        if (used == 0)
        {
            // No memory.
            Complete(0);
            return;
        }

        long left = stream.Read(_list);
        while (left > 0)
        {
            uint step = (uint)Math.Min(left, _held[0].WritableBytes - VsockHeader.Size);
            left -= step;
            // Where the header is no memory the stream has a hole, which its driver made.
            bool written = TryWrite(stream.Describe(VsockOperation.Data, step), _held[0]);
            Complete(written ? VsockHeader.Size + step : 0U);
        }
    }

    private bool TryWrite(in VsockHeader header, DescriptorChain chain)
    {
        Span<byte> bytes = stackalloc byte[VsockHeader.Size];
        header.Write(bytes);
        return chain.TryWrite(_runner.Queue.Memory, 0, bytes);
    }

    // Gives the first one back.
    private void Complete(uint bytes)
    {
        DescriptorChain chain = _held[0];
        _runner.Complete(chain, bytes);
        _heldCount--;
        Array.Copy(_held, 1, _held, 0, _heldCount);
        _held[_heldCount] = chain;
    }
}
