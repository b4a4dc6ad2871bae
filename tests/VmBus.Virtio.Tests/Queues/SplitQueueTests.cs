using VmBus.Protocol.Virtio;
using VmBus.TestKit;
using VmBus.Virtio.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Queues;

public sealed class SplitQueueTests : IDisposable
{
    private const DescriptorFlags ReadThenMore = DescriptorFlags.Next;

    private readonly SplitDriver _driver = new();
    private readonly DescriptorChain _chain = new();

    public void Dispose() => _driver.Dispose();

    [Fact]
    public void Chain_of_both_kinds_is_taken_with_its_bytes()
    {
        _driver.Write(SplitDriver.Buffers, [1, 2, 3, 4]);
        _driver.Describe(3, SplitDriver.Buffers, 2, ReadThenMore, 5);
        _driver.Describe(5, SplitDriver.Buffers + 2, 2, ReadThenMore, 1);
        _driver.Describe(1, SplitDriver.Buffers + 100, 8, DescriptorFlags.Write);
        _driver.Offer(3);
        SplitQueue queue = _driver.Open();

        Assert.Equal(QueueTake.Taken, queue.TryTake(_chain));

        Assert.Equal((3, 4L, 8L, 3), (_chain.Id, _chain.ReadableBytes, _chain.WritableBytes, _chain.PieceCount));
        byte[] bytes = new byte[3];
        Assert.True(_chain.TryRead(queue.Memory, 1, bytes));
        Assert.Equal([2, 3, 4], bytes);
        Assert.True(_chain.TryWrite(queue.Memory, 7, [9]));
        Assert.Equal([0, 9], _driver.Read(SplitDriver.Buffers + 106, 2));
        Assert.False(_chain.TryRead(queue.Memory, 2, bytes));
        Assert.False(_chain.TryWrite(queue.Memory, 8, [9]));
        Assert.Equal(QueueTake.Empty, queue.TryTake(_chain));
    }

    [Fact]
    public void Completed_chains_are_visible_only_once_published()
    {
        _driver.Describe(2, SplitDriver.Buffers, 4, DescriptorFlags.Write);
        _driver.Offer(2);
        SplitQueue queue = _driver.Open();
        queue.TryTake(_chain);

        queue.Complete(_chain, 4);
        Assert.Equal(0, _driver.UsedIndex);
        Assert.True(queue.Publish());

        Assert.Equal(1, _driver.UsedIndex);
        Assert.Equal((2U, 4U), _driver.Used(0));
        Assert.False(queue.Publish());
        Assert.Equal(0, queue.InFlight);
    }

    [Fact]
    public void Indices_wrap_at_the_end_of_the_ring_and_of_their_16_bits()
    {
        _driver.Describe(0, SplitDriver.Buffers, 4, DescriptorFlags.Write);
        SplitQueue queue = _driver.Open();
        for (int i = 0; i < 70_000; i++)
        {
            _driver.Offer(0);
            Assert.Equal(QueueTake.Taken, queue.TryTake(_chain));
            queue.Complete(_chain, (uint)i);
            queue.Publish();
        }

        Assert.Equal(70_000 & 0xFFFF, _driver.UsedIndex);
        Assert.Equal((0U, 69_999U), _driver.Used(69_999));
    }

    [Fact]
    public void Queue_goes_on_at_the_base_it_is_given()
    {
        _driver.Settings = _driver.Settings with { Base = 65_535 };
        _driver.SetAvailableIndex(65_535);
        SplitQueue queue = _driver.Open();
        Assert.Equal(QueueTake.Empty, queue.TryTake(_chain));

        _driver.Describe(0, SplitDriver.Buffers, 4);
        _driver.SetAvailableIndex(0);
        Assert.Equal(QueueTake.Taken, queue.TryTake(_chain));
        Assert.Equal(0U, queue.Base);
    }

    [Fact]
    public void Indirect_table_is_walked_in_the_order_of_its_links()
    {
        const ulong Table = 0x30000;
        _driver.DescribeIn(Table, 0, SplitDriver.Buffers, 16, ReadThenMore, 2);
        _driver.DescribeIn(Table, 2, SplitDriver.Buffers + 512, 512, DescriptorFlags.Write | DescriptorFlags.Next, 1);
        _driver.DescribeIn(Table, 1, SplitDriver.Buffers + 2048, 1, DescriptorFlags.Write);
        _driver.Describe(7, Table, 3 * QueueLayout.DescriptorBytes, DescriptorFlags.Indirect);
        _driver.Offer(7);

        Assert.Equal(QueueTake.Taken, _driver.Open().TryTake(_chain));
        Assert.Equal((7, 16L, 513L), (_chain.Id, _chain.ReadableBytes, _chain.WritableBytes));
    }

    [Fact]
    public void Table_may_follow_ordinary_descriptors()
    {
        const ulong Table = 0x30000;
        _driver.DescribeIn(Table, 0, SplitDriver.Buffers, 1, DescriptorFlags.Write);
        _driver.Describe(0, SplitDriver.Buffers, 16, ReadThenMore, 1);
        _driver.Describe(1, Table, QueueLayout.DescriptorBytes, DescriptorFlags.Indirect);
        _driver.Offer(0);

        Assert.Equal(QueueTake.Taken, _driver.Open().TryTake(_chain));
        Assert.Equal((16L, 1L), (_chain.ReadableBytes, _chain.WritableBytes));
    }

    [Fact]
    public void Driver_without_event_index_is_signalled_unless_it_says_no()
    {
        SplitQueue queue = _driver.Open();
        Assert.True(RoundTrip(queue));
        _driver.WantNoSignal();
        Assert.False(RoundTrip(queue));
    }

    [Fact]
    public void Driver_without_event_index_sees_whether_kicks_are_wanted()
    {
        SplitQueue queue = _driver.Open();
        queue.DisableKicks();
        Assert.True(_driver.WantsNoKick);
        Assert.False(queue.EnableKicks());
        Assert.False(_driver.WantsNoKick);
        _driver.Offer(0);
        Assert.True(queue.EnableKicks());
    }

    [Fact]
    public void Driver_with_event_index_is_signalled_when_the_used_index_passes_its_wish()
    {
        using var driver = new SplitDriver(eventIndex: true);
        SplitQueue queue = driver.Open();
        driver.WantSignalAfter(2);
        // The first is always told: what happened before this queue was opened is unknown.
        Assert.True(RoundTrip(queue, driver));
        Assert.False(RoundTrip(queue, driver));
        Assert.True(RoundTrip(queue, driver));
        Assert.False(RoundTrip(queue, driver));
    }

    [Fact]
    public void Driver_with_event_index_learns_at_which_index_a_kick_is_wanted()
    {
        using var driver = new SplitDriver(eventIndex: true);
        SplitQueue queue = driver.Open();
        RoundTrip(queue, driver);
        Assert.False(queue.EnableKicks());
        Assert.Equal(1, driver.WantedKick);
        driver.Offer(0);
        Assert.True(queue.EnableKicks());
    }

    [Fact]
    public void Taking_and_completing_allocate_nothing()
    {
        _driver.Describe(0, SplitDriver.Buffers, 4, DescriptorFlags.Write);
        SplitQueue queue = _driver.Open();
        RoundTrip(queue);
        Assert.Equal(0, Allocations.LeastOf(() =>
        {
            _driver.Offer(0);
            queue.TryTake(_chain);
            queue.Complete(_chain, 4);
            queue.Publish();
            queue.EnableKicks();
        }));
    }

    private bool RoundTrip(SplitQueue queue, SplitDriver? driver = null)
    {
        driver ??= _driver;
        driver.Describe(0, SplitDriver.Buffers, 4, DescriptorFlags.Write);
        driver.Offer(0);
        Assert.Equal(QueueTake.Taken, queue.TryTake(_chain));
        queue.Complete(_chain, 4);
        return queue.Publish();
    }
}
