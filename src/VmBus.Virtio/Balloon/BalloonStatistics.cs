using System.Buffers.Binary;
using VmBus.Lanes;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Balloon;

/// <summary>The statistics queue of a balloon: the driver fills one buffer, and again each time that it gets it back. One lane.</summary>
internal sealed class BalloonStatistics : IQueueWorker
{
    // Linux has 16 kinds; more than this are not looked at.
    private const int MaximumStatistics = 64;
    private const int BuffersPerTurn = 4;

    /// <summary>How often there are new ones.</summary>
    internal static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    private readonly BalloonDevice _device;
    private readonly QueueRunner _runner;
    private readonly QueueWake _wake;
    private readonly ITimer _timer;
    private readonly byte[] _bytes = new byte[MaximumStatistics * BalloonConfig.StatisticBytes];
    private DescriptorChain _chain = new();
    private DescriptorChain _held = new();
    private volatile bool _isDue;
    private bool _holds;
    private bool _isStopped;

    public BalloonStatistics(BalloonDevice device, QueueRunner runner, Lane lane, TimeProvider clock)
    {
        _device = device;
        _runner = runner;
        _wake = new QueueWake(lane, runner);
        _timer = clock.CreateTimer(_ => Ask(), null, Period, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        _wake.Clear();
        if (_isDue && !_isStopped)
        {
            _isDue = false;
            GiveBack();
        }

        for (int i = 0; i < BuffersPerTurn && !_isStopped; i++)
        {
            QueueTake take = _runner.Queue.TryTake(_chain);
            if (take != QueueTake.Taken) return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
            // There is one; a driver that sends more gets the others back.
            GiveBack();
            (_chain, _held) = (_held, _chain);
            _holds = true;
            Read();
        }

        return _isStopped ? QueueTurn.Waiting : QueueTurn.More;
    }

    /// <inheritdoc/>
    public void Stop()
    {
        _isStopped = true;
        GiveBack();
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Ask()
    {
        _isDue = true;
        _wake.Set();
        _timer.Change(Period, Timeout.InfiniteTimeSpan);
    }

    private void GiveBack()
    {
        if (!_holds) return;
        _holds = false;
        _runner.Complete(_held, 0);
    }

    private void Read()
    {
        Span<byte> bytes = _bytes.AsSpan(0, (int)Math.Min(_bytes.Length, _held.ReadableBytes));
        if (!_held.TryRead(_runner.Queue.Memory, 0, bytes)) return;
        for (; bytes.Length >= BalloonConfig.StatisticBytes; bytes = bytes[BalloonConfig.StatisticBytes..])
        {
            if (BinaryPrimitives.ReadUInt16LittleEndian(bytes) == BalloonConfig.AvailableStatistic)
                _device.Report(BinaryPrimitives.ReadUInt64LittleEndian(bytes[sizeof(ushort)..]));
        }
    }
}
