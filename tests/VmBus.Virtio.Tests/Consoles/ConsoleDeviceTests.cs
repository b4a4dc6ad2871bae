using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Consoles;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Tests.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Consoles;

public sealed class ConsoleDeviceTests : ITerminal, IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly Lane _lane = Lane.Start("console-test", NullLogger.Instance, new LaneOptions());
    private readonly SplitDriver _receive = new();
    private readonly SplitDriver _transmit = new();
    private readonly EventFd[] _kicks = [EventFd.Create(), EventFd.Create()];
    private readonly QueueRunner[] _runners = new QueueRunner[2];
    private readonly ManualResetEventSlim _takes = new(initialState: true);
    private readonly List<byte> _written = [];
    private readonly ConsoleDevice _device;
    private string? _problem;

    public ConsoleDeviceTests()
    {
        _device = new ConsoleDevice(this, new ConsoleConfig(80, 25));
        SplitDriver[] queues = [_receive, _transmit];
        for (int i = 0; i < queues.Length; i++)
        {
            var runner = new QueueRunner(i, queues[i].Open(), _lane, new Silent(), isPolled: false, failed => _problem = failed.Queue.Problem);
            int index = i;
            _lane.Invoke(() => runner.Begin(_device.OpenQueue(index, 0, runner, _lane), _kicks[index]));
            _runners[i] = runner;
        }
    }

    public void Dispose()
    {
        _takes.Set();
        _device.Dispose();
        _lane.Invoke(() => Array.ForEach(_runners, static runner => runner.Dispose()));
        _lane.Dispose();
        foreach (EventFd kick in _kicks) kick.Dispose();
        _receive.Dispose();
        _transmit.Dispose();
        _takes.Dispose();
    }

    void ITerminal.Write(ReadOnlySpan<byte> bytes)
    {
        _takes.Wait();
        lock (_written) _written.AddRange(bytes);
    }

    [Fact]
    public void Output_reaches_the_terminal_in_order_whatever_its_pieces()
    {
        _transmit.Write(SplitDriver.Buffers, "hello, terminal"u8);
        _transmit.Describe(0, SplitDriver.Buffers, 5, DescriptorFlags.Next, 1);
        _transmit.Describe(1, SplitDriver.Buffers + 5, 10);
        Offer(_transmit, 1, 0);
        Wait(() => Written.SequenceEqual("hello, terminal"u8.ToArray()));
        Assert.Equal((0U, 0U), _transmit.Used(0));
    }

    [Fact]
    public void Terminal_that_takes_nothing_holds_the_driver_up_and_nothing_is_lost()
    {
        _takes.Reset();
        byte[] bytes = new byte[200_000];
        new Random(3).NextBytes(bytes);
        _transmit.Write(SplitDriver.Buffers, bytes);
        _transmit.Describe(0, SplitDriver.Buffers, (uint)bytes.Length);
        _transmit.Describe(1, SplitDriver.Buffers, 4);
        Offer(_transmit, 1, 0);
        Offer(_transmit, 1, 1);
        for (int i = 0; i < 8; i++) _lane.Invoke(_runners[1].Touch);
        Assert.Equal(0, _transmit.UsedIndex);
        _takes.Set();
        Wait(() => _transmit.UsedIndex == 2);
        Wait(() => Written.Length == bytes.Length + 4);
        Assert.Equal([.. bytes, .. bytes[..4]], Written);
    }

    [Fact]
    public void What_is_typed_waits_for_the_drivers_buffers()
    {
        _device.Enter("typed ahead"u8);
        _receive.Describe(0, SplitDriver.Buffers, 5, DescriptorFlags.Write);
        _receive.Describe(1, SplitDriver.Buffers + 64, 64, DescriptorFlags.Write);
        Offer(_receive, 0, 0);
        Offer(_receive, 0, 1);
        Wait(() => _receive.UsedIndex == 2);
        Assert.Equal([(0U, 5U), (1U, 6U)], new[] { _receive.Used(0), _receive.Used(1) });
        Assert.Equal("typed"u8.ToArray(), _receive.Read(SplitDriver.Buffers, 5));
        Assert.Equal(" ahead"u8.ToArray(), _receive.Read(SplitDriver.Buffers + 64, 6));
    }

    [Fact]
    public void Driver_that_reads_nothing_holds_up_who_types_until_the_end()
    {
        var typing = new Thread(() => _device.Enter(new byte[10_000]));
        typing.Start();
        Assert.False(typing.Join(TimeSpan.FromMilliseconds(50)));
        _device.Dispose();
        Assert.True(typing.Join(Limit));
    }

    [Fact]
    public void Output_that_is_no_memory_is_given_back_and_the_next_is_written()
    {
        _transmit.Write(SplitDriver.Buffers, "next"u8);
        _transmit.Describe(0, 0xDEAD_0000_0000, 64);
        _transmit.Describe(1, SplitDriver.Buffers, 4);
        Offer(_transmit, 1, 0);
        Offer(_transmit, 1, 1);
        Wait(() => _transmit.UsedIndex == 2);
        Wait(() => Written.SequenceEqual("next"u8.ToArray()));
        Assert.Null(_problem);
    }

    [Fact]
    public void Buffer_without_room_breaks_the_queue()
    {
        _receive.Describe(0, SplitDriver.Buffers, 64);
        Offer(_receive, 0, 0);
        _device.Enter("x"u8);
        Wait(() => _problem is not null);
        Assert.Contains("no room", _problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Queue_that_stops_while_the_terminal_takes_nothing_has_nothing_under_way()
    {
        _takes.Reset();
        _transmit.Describe(0, SplitDriver.Buffers, 200_000);
        Offer(_transmit, 1, 0);
        Wait(() => InFlight == 1);
        using var stopped = new ManualResetEventSlim();
        _lane.Post(() => _runners[1].Stop(stopped.Set));
        Assert.True(stopped.Wait(Limit));
        Assert.Equal(0, _runners[1].Queue.InFlight);
    }

    [Fact]
    public void Size_is_the_configuration_and_a_change_is_told()
    {
        int told = 0;
        _device.ConfigChanged = () => told++;
        _device.Resize(new ConsoleConfig(132, 50));
        byte[] config = new byte[ConsoleConfig.Size];
        Assert.Equal(ConsoleConfig.Size, _device.ReadConfig(config));
        Assert.Equal([132, 0, 50, 0], config);
        Assert.Equal(1, told);
        Assert.NotEqual(0UL, _device.Features & (ulong)ConsoleFeatures.Size);
        using var pipe = new ConsoleDevice(this, size: null);
        Assert.Equal(0UL, pipe.Features & (ulong)ConsoleFeatures.Size);
    }

    private byte[] Written
    {
        get
        {
            lock (_written) return [.. _written];
        }
    }

    private int InFlight
    {
        get
        {
            int inFlight = 0;
            _lane.Invoke(() => inFlight = _runners[1].Queue.InFlight);
            return inFlight;
        }
    }

    private void Offer(SplitDriver driver, int queue, ushort head)
    {
        driver.Offer(head);
        _kicks[queue].Signal();
    }

    private static void Wait(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, Limit), "It did not come.");

    private sealed class Silent : IQueueSignal
    {
        public void Signal()
        {
            // The test looks by itself.
        }
    }
}
