using VmBus.Lanes;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Consoles;

/// <summary>The transmit queue of a console: the driver's output. One lane, but <see cref="Wake"/>. Allocates nothing for a request.</summary>
/// <remarks>A chain is given back when all of it is on its way to the terminal, so a driver waits for a terminal that is slow.</remarks>
internal sealed class ConsoleTransmitter(ConsoleDevice device, QueueRunner runner, Lane lane, ByteRing output) : IQueueWorker
{
    // One busy console does not keep the lane's others waiting for longer than this many bytes.
    private const int StepsPerTurn = 16;

    private readonly DescriptorChain _chain = new();
    private readonly byte[] _bytes = new byte[4096];
    private readonly QueueWake _wake = new(lane, runner);
    private long _done;
    private int _left;
    private bool _isHeld;
    private bool _isStopped;

    /// <summary>There is room again. Any thread.</summary>
    public void Wake() => _wake.Set();

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        _wake.Clear();
        for (int i = 0; i < StepsPerTurn && !_isStopped; i++)
        {
            if (!_isHeld)
            {
                QueueTake take = runner.Queue.TryTake(_chain);
                if (take != QueueTake.Taken) return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
                _isHeld = true;
                _done = 0;
                _left = 0;
            }

            if (!TryPass()) return QueueTurn.Waiting;
        }

        return _isStopped ? QueueTurn.Waiting : QueueTurn.More;
    }

    /// <inheritdoc/>
    public void Stop()
    {
        _isStopped = true;
        // The rest of it is lost, as when a terminal is closed.
        if (_isHeld) End();
    }

    /// <inheritdoc/>
    public void Dispose() => device.Closed(this);

    // False when there is no room.
    private bool TryPass()
    {
        if (_left == 0)
        {
            int step = (int)Math.Min(_chain.ReadableBytes - _done, _bytes.Length);
            // What is no memory says nothing.
            if (step == 0 || !_chain.TryRead(runner.Queue.Memory, _done, _bytes.AsSpan(0, step)))
            {
                End();
                return true;
            }

            _done += step;
            _left = step;
            _bytes.AsSpan(0, step).CopyTo(_bytes.AsSpan(_bytes.Length - step));
        }

        _left -= output.Add(_bytes.AsSpan(_bytes.Length - _left));
        if (_left > 0) return false;
        if (_done == _chain.ReadableBytes) End();
        return true;
    }

    private void End()
    {
        _isHeld = false;
        runner.Complete(_chain, 0);
    }
}
