using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.TestKit;
using VmBus.Virtio.Balloon;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Tests.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Balloon;

public sealed class BalloonDeviceTests : IDisposable
{
    private const int Pages = 1024;
    private const long Bytes = Pages * (long)Gpa.PageBytes;

    private readonly Lane _lane = Lane.Start("balloon-test", NullLogger.Instance, new LaneOptions());
    private readonly ManualClock _clock = new();
    private readonly GuestMemory _memory = GuestMemory.Create((ulong)Bytes);
    private readonly SplitDriver[] _queues = [new(), new(), new(), new()];
    private readonly EventFd[] _kicks = [EventFd.Create(), EventFd.Create(), EventFd.Create(), EventFd.Create()];
    private readonly QueueRunner[] _runners = new QueueRunner[4];
    private readonly BalloonDevice _device;
    private string? _problem;
    private int _changes;

    public BalloonDeviceTests()
    {
        _device = new BalloonDevice(_memory, _clock) { ConfigChanged = () => _changes++ };
        for (int i = 0; i < _queues.Length; i++)
        {
            var runner = new QueueRunner(i, _queues[i].Open(), _lane, new Silent(), isPolled: false, failed => _problem = failed.Queue.Problem);
            int index = i;
            _lane.Invoke(() => runner.Begin(_device.OpenQueue(index, _device.Features, runner, _lane), _kicks[index]));
            _runners[i] = runner;
        }
    }

    public void Dispose()
    {
        _lane.Invoke(() => Array.ForEach(_runners, static runner => runner.Dispose()));
        _device.Dispose();
        _lane.Dispose();
        foreach (EventFd kick in _kicks) kick.Dispose();
        foreach (SplitDriver queue in _queues) queue.Dispose();
        _memory.Dispose();
    }

    [Fact]
    public void Pages_that_are_given_are_the_hosts_and_counted_once()
    {
        for (ulong page = 0; page < 8; page++) Assert.True(_memory.TryWrite(Gpa.FromPage(page), [0xAA]));
        // Twice, and some that are no RAM.
        Send(0, 5, 3, 4, 3, Pages, uint.MaxValue);
        Send(0, 4);
        Assert.Equal(3 * (long)Gpa.PageBytes, _device.Describe().BalloonedBytes);
        Assert.Equal([0xAA, 0xAA, 0xAA, 0, 0, 0, 0xAA, 0xAA], Enumerable.Range(0, 8).Select(static page => (ulong)page).Select(FirstByte));
        Send(1, 3, 7, uint.MaxValue);
        Assert.Equal(2 * (long)Gpa.PageBytes, _device.Describe().BalloonedBytes);
    }

    [Fact]
    public void List_longer_than_any_drivers_or_of_parts_breaks_its_queue()
    {
        _queues[0].Describe(0, SplitDriver.Buffers, 4096 * 4 + 4);
        Offer(0);
        Assert.Contains("16388 bytes", _problem, StringComparison.Ordinal);
        _queues[1].Describe(0, SplitDriver.Buffers, 6);
        Offer(1);
        Assert.Contains("6 bytes", _problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Size_is_reached_when_the_driver_says_so()
    {
        Task<BalloonInfo> set = _device.SetAsync(Bytes - (2 * (long)Gpa.PageBytes));
        Assert.Equal((1, 2U), (_changes, Wanted));
        Send(0, 1, 2);
        Assert.Equal(Bytes - (2 * (long)Gpa.PageBytes), _device.Describe().GoalBytes);
        Assert.True(WriteActual(2));
        BalloonInfo info = await set;
        Assert.Equal((2 * (long)Gpa.PageBytes, (long?)null), (info.BalloonedBytes, info.GoalBytes));
    }

    [Fact]
    public async Task Driver_that_does_nothing_more_is_not_waited_for_and_is_asked_for_nothing_more()
    {
        Task<BalloonInfo> set = _device.SetAsync(Bytes / 2);
        _clock.Advance(BalloonDevice.Patience - TimeSpan.FromSeconds(1));
        Send(0, 1);
        WriteActual(1);
        _clock.Advance(BalloonDevice.Patience - TimeSpan.FromSeconds(1));
        Assert.False(set.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Contains("nothing more; it has 3 MiB", (await Assert.ThrowsAsync<IOException>(() => set)).Message, StringComparison.Ordinal);
        Assert.Equal(1U, Wanted);
    }

    [Fact]
    public async Task Another_size_a_reset_and_a_cancellation_end_the_wait()
    {
        Task<BalloonInfo> first = _device.SetAsync(Bytes / 2);
        using var cancellation = new CancellationTokenSource();
        Task<BalloonInfo> second = _device.SetAsync(Bytes / 4, cancellation.Token);
        Assert.Contains("another size", (await Assert.ThrowsAsync<IOException>(() => first)).Message, StringComparison.Ordinal);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Task<BalloonInfo> third = _device.SetAsync(Bytes / 2);
        _device.Reset();
        Assert.Contains("went away", (await Assert.ThrowsAsync<IOException>(() => third)).Message, StringComparison.Ordinal);
        Assert.Contains("no driver", (await Assert.ThrowsAsync<IOException>(() => _device.SetAsync(Bytes))).Message, StringComparison.Ordinal);
        Assert.Equal((0U, 0L), (Wanted, _device.Describe().BalloonedBytes));
    }

    [Fact]
    public async Task Size_that_cannot_be_is_refused()
        => Assert.Contains("cannot have", (await Assert.ThrowsAsync<IOException>(() => _device.SetAsync(Bytes + 1))).Message, StringComparison.Ordinal);

    [Fact]
    public void Only_whole_pages_that_are_reported_are_the_hosts()
    {
        for (ulong page = 0; page < 8; page++) Assert.True(_memory.TryWrite(Gpa.FromPage(page), [0xAA]));
        _queues[3].Describe(0, Gpa.PageBytes + 1, (3 * (uint)Gpa.PageBytes) - 1, DescriptorFlags.Write | DescriptorFlags.Next, 1);
        _queues[3].Describe(1, ulong.MaxValue - 100, uint.MaxValue, DescriptorFlags.Write | DescriptorFlags.Next, 2);
        _queues[3].Describe(2, 6 * Gpa.PageBytes, (uint)Gpa.PageBytes, DescriptorFlags.Write);
        Offer(3);
        Assert.Equal([0xAA, 0xAA, 0, 0, 0xAA, 0xAA, 0, 0xAA], Enumerable.Range(0, 8).Select(static page => (ulong)page).Select(FirstByte));
        Assert.Null(_problem);
    }

    [Fact]
    public void Statistics_are_read_kept_and_asked_for_again()
    {
        byte[] bytes = new byte[3 * BalloonConfig.StatisticBytes];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, 5);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(BalloonConfig.StatisticBytes), BalloonConfig.AvailableStatistic);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(BalloonConfig.StatisticBytes + 2), 12345);
        _queues[2].Write(SplitDriver.Buffers, bytes);
        _queues[2].Describe(0, SplitDriver.Buffers, (uint)bytes.Length);
        _queues[2].Offer(0);
        _kicks[2].Signal();
        Wait(() => _device.Describe().AvailableBytes == 12345);
        Assert.Equal(0, _queues[2].UsedIndex);
        _clock.Advance(BalloonStatistics.Period);
        Wait(() => _queues[2].UsedIndex == 1);
    }

    private uint Wanted
    {
        get
        {
            byte[] config = new byte[BalloonConfig.Size];
            Assert.Equal(BalloonConfig.Size, _device.ReadConfig(config));
            return BinaryPrimitives.ReadUInt32LittleEndian(config);
        }
    }

    private byte FirstByte(ulong page)
    {
        byte[] first = new byte[1];
        Assert.True(_memory.TryRead(Gpa.FromPage(page), first));
        return first[0];
    }

    private bool WriteActual(uint pages) => _device.WriteConfig(BalloonConfig.ActualOffset, BitConverter.GetBytes(pages));

    private void Send(int queue, params uint[] pages)
    {
        byte[] list = new byte[pages.Length * sizeof(uint)];
        for (int i = 0; i < pages.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(list.AsSpan(i * sizeof(uint)), pages[i]);
        _queues[queue].Write(SplitDriver.Buffers, list);
        _queues[queue].Describe(0, SplitDriver.Buffers, (uint)list.Length);
        Offer(queue);
    }

    // Waits until the list is back, or the queue broken.
    private void Offer(int queue)
    {
        ushort before = _queues[queue].UsedIndex;
        string? problem = _problem;
        _queues[queue].Offer(0);
        _kicks[queue].Signal();
        Wait(() => _queues[queue].UsedIndex != before || _problem != problem);
    }

    private static void Wait(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)), "It did not come.");

    private sealed class Silent : IQueueSignal
    {
        public void Signal()
        {
            // The test looks by itself.
        }
    }
}
