using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Entropy;

/// <summary>The request queue of an entropy device. One lane.</summary>
/// <remarks>A driver that asks for more than its share waits for the next period, and costs the host nothing meanwhile. Allocates nothing for a request.</remarks>
internal sealed class EntropyQueue : IQueueWorker
{
    /// <summary>Most bytes that a request gets; a driver asks again for more.</summary>
    internal const int RequestBytes = 4096;

    /// <summary>Bytes of each <see cref="Period"/>: 1 MiB a second, more than seeding takes and less than a processor notices.</summary>
    internal const int PeriodBytes = 128 << 10;

    /// <summary>How often there are new ones.</summary>
    internal static readonly TimeSpan Period = TimeSpan.FromMilliseconds(125);

    private readonly QueueRunner _runner;
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private readonly DescriptorChain _chain = new();
    private readonly byte[] _bytes = new byte[RequestBytes];
    private long _periodStart;
    private int _left = PeriodBytes;
    private bool _isStopped;

    public EntropyQueue(QueueRunner runner, Lane lane, TimeProvider clock)
    {
        _runner = runner;
        _clock = clock;
        _periodStart = clock.GetTimestamp();
        _timer = clock.CreateTimer(_ => Wake(runner, lane), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        while (!_isStopped)
        {
            if (!HasShare()) return QueueTurn.Waiting;
            QueueTake take = _runner.Queue.TryTake(_chain);
            if (take != QueueTake.Taken) return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
            int bytes = (int)Math.Min(_chain.WritableBytes, Math.Min(RequestBytes, _left));
            if (bytes == 0)
            {
                _runner.Queue.Abandon("a request for random numbers has no room for any");
                return QueueTurn.Broken;
            }

            Span<byte> random = _bytes.AsSpan(0, bytes);
            RandomSource.Fill(random);
            // Where there is no memory the driver gets none.
            bool written = _chain.TryWrite(_runner.Queue.Memory, 0, random);
            random.Clear();
            _left -= bytes;
            _runner.Complete(_chain, written ? (uint)bytes : 0);
        }

        return QueueTurn.Waiting;
    }

    /// <inheritdoc/>
    public void Stop() => _isStopped = true;

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private static void Wake(QueueRunner runner, Lane lane)
    {
        try
        {
            lane.Post(runner.Touch);
        }
        catch (ObjectDisposedException)
        {
            // The timer went off while everything ended.
        }
    }

    private bool HasShare()
    {
        if (_left > 0) return true;
        TimeSpan passed = _clock.GetElapsedTime(_periodStart);
        if (passed < Period)
        {
            // At least a millisecond: a timer's own resolution.
            TimeSpan rest = Period - passed;
            _timer.Change(rest < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : rest, Timeout.InfiniteTimeSpan);
            return false;
        }

        _periodStart = _clock.GetTimestamp();
        _left = PeriodBytes;
        return true;
    }
}
