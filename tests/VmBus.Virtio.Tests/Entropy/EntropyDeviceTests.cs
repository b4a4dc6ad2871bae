using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.TestKit;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Entropy;
using VmBus.Virtio.Tests.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Entropy;

public sealed class EntropyDeviceTests : IDisposable
{
    private const int QueueSize = 64;

    private readonly Lane _lane = Lane.Start("rng-test", NullLogger.Instance, new LaneOptions());
    private readonly ManualClock _clock = new();
    private readonly SplitDriver _driver = new(QueueSize);
    private readonly EventFd _kick = EventFd.Create();
    private readonly EntropyDevice _device;
    private readonly QueueRunner _runner;
    private string? _problem;

    public EntropyDeviceTests()
    {
        _device = new EntropyDevice(_clock);
        _runner = new QueueRunner(0, _driver.Open(), _lane, new Silent(), isPolled: false, failed => _problem = failed.Queue.Problem);
        _lane.Invoke(() => _runner.Begin(_device.OpenQueue(0, 0, _runner, _lane), _kick));
    }

    public void Dispose()
    {
        _lane.Invoke(_runner.Dispose);
        _device.Dispose();
        _lane.Dispose();
        _kick.Dispose();
        _driver.Dispose();
    }

    [Fact]
    public void Request_is_filled_with_bytes_that_differ_and_nothing_after_it_is()
    {
        Offer(0, SplitDriver.Buffers, 64);
        Offer(1, SplitDriver.Buffers + 128, 64);
        Settle();
        Assert.Equal([(0U, 64U), (1U, 64U)], new[] { _driver.Used(0), _driver.Used(1) });
        byte[] bytes = _driver.Read(SplitDriver.Buffers, 256);
        Assert.NotEqual(bytes[..64], bytes[128..192]);
        // 64 random bytes have more than 16 values, but for once in a universe.
        Assert.True(bytes[..64].Distinct().Count() > 16);
        Assert.All(bytes[64..128], static value => Assert.Equal(0, value));
    }

    [Fact]
    public void Large_request_gets_a_part()
    {
        Offer(0, SplitDriver.Buffers, 65536);
        Settle();
        Assert.Equal((0U, (uint)EntropyQueue.RequestBytes), _driver.Used(0));
    }

    [Fact]
    public void Driver_that_asks_for_more_than_its_share_waits_for_the_next_period()
    {
        const int Share = EntropyQueue.PeriodBytes / EntropyQueue.RequestBytes;
        Assert.True(Share < QueueSize);
        for (int i = 0; i < QueueSize; i++) Offer((ushort)i, SplitDriver.Buffers, EntropyQueue.RequestBytes);
        Settle();
        Assert.Equal(Share, _driver.UsedIndex);
        _clock.Advance(EntropyQueue.Period / 2);
        Settle();
        Assert.Equal(Share, _driver.UsedIndex);
        _clock.Advance(EntropyQueue.Period / 2);
        Settle();
        Assert.Equal(Share * 2, _driver.UsedIndex);
        _clock.Advance(EntropyQueue.Period);
        Settle();
        Assert.Equal(QueueSize, _driver.UsedIndex);
    }

    [Fact]
    public void Request_without_room_breaks_the_queue()
    {
        _driver.Describe(0, SplitDriver.Buffers, 64);
        _driver.Offer(0);
        Settle();
        Assert.Contains("no room", _problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Request_outside_memory_gets_nothing_and_the_next_is_served()
    {
        Offer(0, 0xDEAD_0000_0000, 64);
        Offer(1, SplitDriver.Buffers, 64);
        Settle();
        Assert.Equal([(0U, 0U), (1U, 64U)], new[] { _driver.Used(0), _driver.Used(1) });
        Assert.Null(_problem);
    }

    [Fact]
    public void Queue_that_stops_while_its_driver_waits_has_nothing_under_way()
    {
        for (int i = 0; i < QueueSize; i++) Offer((ushort)i, SplitDriver.Buffers, EntropyQueue.RequestBytes);
        Settle();
        using var stopped = new ManualResetEventSlim();
        _lane.Post(() => _runner.Stop(stopped.Set));
        Assert.True(stopped.Wait(TimeSpan.FromSeconds(30)));
        Assert.Equal((0, 0), (_runner.Queue.InFlight, _clock.RunningTimers));
    }

    private void Offer(ushort head, ulong address, uint bytes)
    {
        _driver.Describe(head, address, bytes, DescriptorFlags.Write);
        _driver.Offer(head);
    }

    // After a turn that was asked for, and those that it asked for.
    private void Settle()
    {
        _lane.Invoke(_runner.Touch);
        long turns = ReadTurns() + 6;
        while (ReadTurns() < turns)
        {
            // Each look has the lane take another turn.
        }
    }

    private long ReadTurns()
    {
        long turns = 0;
        _lane.Invoke(() => turns = _lane.Turn);
        return turns;
    }

    private sealed class Silent : IQueueSignal
    {
        public void Signal()
        {
            // Nobody waits for it.
        }
    }
}
