using VmBus.Memory.Guest;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Queues;

/// <summary>Rings as no driver writes them: each breaks its queue, with a reason, and nothing else.</summary>
public sealed class HostileSplitQueueTests : IDisposable
{
    private const ulong Table = 0x30000;

    private readonly SplitDriver _driver = new();
    private readonly DescriptorChain _chain = new();

    public void Dispose() => _driver.Dispose();

    [Fact]
    public void Head_outside_the_ring_breaks_the_queue()
    {
        _driver.Offer(16);
        AssertBroken("outside the ring");
    }

    [Fact]
    public void Link_outside_the_ring_breaks_the_queue()
    {
        _driver.Describe(0, SplitDriver.Buffers, 4, DescriptorFlags.Next, 16);
        _driver.Offer(0);
        AssertBroken("outside the ring");
    }

    [Fact]
    public void Loop_breaks_the_queue()
    {
        _driver.Describe(0, SplitDriver.Buffers, 4, DescriptorFlags.Next, 1);
        _driver.Describe(1, SplitDriver.Buffers, 4, DescriptorFlags.Next, 0);
        _driver.Offer(0);
        AssertBroken("loop");
    }

    [Fact]
    public void Available_index_further_than_the_ring_is_long_breaks_the_queue()
    {
        _driver.SetAvailableIndex(17);
        AssertBroken("available index");
    }

    [Fact]
    public void More_requests_at_once_than_the_ring_holds_break_the_queue()
    {
        _driver.Describe(0, SplitDriver.Buffers, 4);
        SplitQueue queue = _driver.Open();
        for (int i = 0; i < 16; i++)
        {
            _driver.Offer(0);
            Assert.Equal(QueueTake.Taken, queue.TryTake(_chain));
        }

        _driver.Offer(0);
        Assert.Equal(QueueTake.Broken, queue.TryTake(_chain));
        Assert.Contains("more requests", queue.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Readable_descriptor_after_a_writable_one_breaks_the_queue()
    {
        _driver.Describe(0, SplitDriver.Buffers, 4, DescriptorFlags.Write | DescriptorFlags.Next, 1);
        _driver.Describe(1, SplitDriver.Buffers, 4);
        _driver.Offer(0);
        AssertBroken("follows one to be written");
    }

    [Theory]
    [InlineData(0U, "0 bytes")]
    [InlineData(24U, "24 bytes")]
    [InlineData((DescriptorChain.MaximumPieces + 1) * QueueLayout.DescriptorBytes, "bytes")]
    [InlineData(uint.MaxValue, "bytes")]
    public void Table_of_a_wrong_length_breaks_the_queue(uint bytes, string reason)
    {
        _driver.Describe(0, Table, bytes, DescriptorFlags.Indirect);
        _driver.Offer(0);
        AssertBroken(reason);
    }

    [Theory]
    [InlineData(0xFFFFFUL)]
    [InlineData(0x100000UL)]
    [InlineData(ulong.MaxValue - 7)]
    public void Table_outside_memory_breaks_the_queue(ulong address)
    {
        _driver.Describe(0, address, 16, DescriptorFlags.Indirect);
        _driver.Offer(0);
        AssertBroken("outside memory");
    }

    [Fact]
    public void Table_in_a_table_breaks_the_queue()
    {
        _driver.DescribeIn(Table, 0, Table, 16, DescriptorFlags.Indirect);
        _driver.Describe(0, Table, 16, DescriptorFlags.Indirect);
        _driver.Offer(0);
        AssertBroken("names another");
    }

    [Fact]
    public void Loop_in_a_table_breaks_the_queue()
    {
        _driver.DescribeIn(Table, 0, SplitDriver.Buffers, 4, DescriptorFlags.Next, 1);
        _driver.DescribeIn(Table, 1, SplitDriver.Buffers, 4, DescriptorFlags.Next, 0);
        _driver.Describe(0, Table, 32, DescriptorFlags.Indirect);
        _driver.Offer(0);
        AssertBroken("loop");
    }

    [Fact]
    public void Link_outside_a_table_breaks_the_queue()
    {
        _driver.DescribeIn(Table, 0, SplitDriver.Buffers, 4, DescriptorFlags.Next, 2);
        _driver.Describe(0, Table, 32, DescriptorFlags.Indirect);
        _driver.Offer(0);
        AssertBroken("outside an indirect table");
    }

    [Fact]
    public void Chain_that_goes_on_after_a_table_breaks_the_queue()
    {
        _driver.Describe(0, Table, 16, DescriptorFlags.Indirect | DescriptorFlags.Next, 1);
        _driver.Offer(0);
        AssertBroken("goes on after");
    }

    [Fact]
    public void Table_that_was_not_agreed_on_breaks_the_queue()
    {
        using var driver = new SplitDriver(indirect: false);
        driver.Describe(0, Table, 16, DescriptorFlags.Indirect);
        driver.Offer(0);
        SplitQueue queue = driver.Open();
        Assert.Equal(QueueTake.Broken, queue.TryTake(_chain));
        Assert.Contains("not agreed on", queue.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0x100000UL, 1U)]
    [InlineData(0xFFFFFUL, 2U)]
    [InlineData(ulong.MaxValue, 2U)]
    [InlineData(ulong.MaxValue - 1, 1U)]
    [InlineData(0UL, uint.MaxValue)]
    public void Buffer_outside_memory_is_told_when_it_is_used(ulong address, uint bytes)
    {
        _driver.Describe(0, address, bytes, DescriptorFlags.Next, 1);
        _driver.Describe(1, address, bytes, DescriptorFlags.Write);
        _driver.Offer(0);
        SplitQueue queue = _driver.Open();
        using var list = new IoVectorList(4, 64);

        Assert.Equal(QueueTake.Taken, queue.TryTake(_chain));
        Assert.False(_chain.TryAddReadable(list, queue.Memory, 0, bytes));
        Assert.False(_chain.TryAddWritable(list, queue.Memory, 0, bytes));
        Assert.Equal(0, list.Bytes);
        byte[] end = new byte[1];
        if (bytes < int.MaxValue) Assert.False(_chain.TryRead(queue.Memory, bytes - 1, end));
        if (bytes < int.MaxValue) Assert.False(_chain.TryWrite(queue.Memory, bytes - 1, end));
    }

    [Fact]
    public void Chain_that_changes_after_it_was_taken_stays_what_it_was()
    {
        _driver.DescribeIn(Table, 0, SplitDriver.Buffers, 4);
        _driver.Describe(0, Table, 16, DescriptorFlags.Indirect);
        _driver.Offer(0);
        SplitQueue queue = _driver.Open();
        queue.TryTake(_chain);

        _driver.DescribeIn(Table, 0, 0xDEAD_0000, uint.MaxValue, DescriptorFlags.Write);
        _driver.Describe(0, 0xDEAD_0000, 16, DescriptorFlags.Write);

        Assert.Equal((4L, 0L), (_chain.ReadableBytes, _chain.WritableBytes));
        Assert.True(_chain.TryRead(queue.Memory, 0, new byte[4]));
    }

    [Fact]
    public void Broken_queue_stays_broken()
    {
        _driver.Offer(16);
        SplitQueue queue = _driver.Open();
        queue.TryTake(_chain);
        _driver.Describe(0, SplitDriver.Buffers, 4);
        _driver.Offer(0);
        Assert.Equal(QueueTake.Broken, queue.TryTake(_chain));
    }

    [Fact]
    public void Descriptors_that_change_all_the_time_never_lead_outside()
    {
        // A second thread writes the descriptors and the index as fast as it can, valid and invalid ones in turn.
        using var stop = new CancellationTokenSource();
        var guest = new Thread(() =>
        {
            var random = new Random(7);
            byte[] noise = new byte[16 * QueueLayout.DescriptorBytes];
            while (!stop.IsCancellationRequested)
            {
                random.NextBytes(noise);
                _driver.Write(SplitDriver.DescriptorsAt, noise);
                for (int i = 0; i < 16; i++) _driver.Describe(i, SplitDriver.Buffers + (ulong)random.Next(4096), (uint)random.Next(4096), (DescriptorFlags)random.Next(8), (ushort)random.Next(18));
            }
        });
        guest.Start();
        for (int round = 0; round < 3000; round++)
        {
            using var list = new IoVectorList(4, 64);
            SplitQueue queue = _driver.Open();
            _driver.SetAvailableIndex(1);
            if (queue.TryTake(_chain) == QueueTake.Taken) CheckUse(queue, list);
        }

        stop.Cancel();
        guest.Join();
    }

    [Fact]
    public void Random_rings_are_taken_or_refused_and_never_throw()
    {
        var random = new Random(20);
        for (int round = 0; round < 4000; round++)
        {
            using var list = new IoVectorList(4, 64);
            for (int i = 0; i < 16; i++) _driver.Describe(i, Address(random), Length(random), (DescriptorFlags)random.Next(8), (ushort)random.Next(17));
            for (int i = 0; i < 8; i++) _driver.DescribeIn(Table, i, Address(random), Length(random), (DescriptorFlags)random.Next(8), (ushort)random.Next(9));
            byte[] heads = new byte[32];
            random.NextBytes(heads);
            for (int i = 0; i < 32; i++) heads[i] = (byte)(i % 2 == 0 ? random.Next(17) : 0);
            _driver.Write(SplitDriver.AvailableAt + 4, heads);
            _driver.SetAvailableIndex((ushort)(_driver.UsedIndex + random.Next(18)));
            _driver.Settings = _driver.Settings with { Base = _driver.UsedIndex, EventIndex = random.Next(2) == 0 };
            SplitQueue queue = _driver.Open();
            int taken = 0;
            while (queue.TryTake(_chain) == QueueTake.Taken)
            {
                // Accepted input has the promised shape.
                Assert.InRange(_chain.PieceCount, 1, DescriptorChain.MaximumPieces);
                CheckUse(queue, list);
                queue.Complete(_chain, 1);
                Assert.InRange(++taken, 1, 16);
            }

            queue.Publish();
            queue.EnableKicks();
            Assert.Equal(0, queue.InFlight);
        }
    }

    private void CheckUse(SplitQueue queue, IoVectorList list)
    {
        long readable = Math.Min(_chain.ReadableBytes, 8192);
        byte[] bytes = new byte[readable];
        _ = _chain.TryRead(queue.Memory, _chain.ReadableBytes - readable, bytes);
        list.Clear();
        if (_chain.TryAddReadable(list, queue.Memory, 0, readable)) Assert.Equal(readable, list.Bytes);
        else Assert.Equal(0, list.Bytes);
    }

    private static ulong Address(Random random) => random.Next(5) switch
    {
        0 => Table,
        1 => (ulong)random.NextInt64(),
        2 => ulong.MaxValue - (ulong)random.Next(8),
        _ => SplitDriver.Buffers + (ulong)random.Next(0x10000),
    };

    private static uint Length(Random random) => random.Next(4) switch
    {
        0 => (uint)random.Next(9) * 16,
        1 => (uint)random.NextInt64(),
        _ => (uint)random.Next(0x2000),
    };

    private void AssertBroken(string reason)
    {
        SplitQueue queue = _driver.Open();
        Assert.Equal(QueueTake.Broken, queue.TryTake(_chain));
        Assert.Contains(reason, queue.Problem, StringComparison.Ordinal);
        Assert.Equal(0, queue.InFlight);
    }
}
