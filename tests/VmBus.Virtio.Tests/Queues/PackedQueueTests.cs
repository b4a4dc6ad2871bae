using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;
using VmBus.TestKit;
using VmBus.Virtio.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Queues;

public sealed class PackedQueueTests : IDisposable
{
    private const ulong Table = 0x30000;

    private readonly PackedDriver _driver = new();
    private readonly DescriptorChain _chain = new();

    public void Dispose() => _driver.Dispose();

    [Fact]
    public void Chain_of_both_kinds_is_taken_with_its_bytes()
    {
        _driver.Write(PackedDriver.Buffers, [1, 2, 3, 4]);
        _driver.Offer(
            77,
            (PackedDriver.Buffers, 2, DescriptorFlags.None),
            (PackedDriver.Buffers + 2, 2, DescriptorFlags.None),
            (PackedDriver.Buffers + 100, 8, DescriptorFlags.Write));
        PackedQueue queue = _driver.Open();

        Assert.Equal(QueueTake.Taken, queue.TryTake(_chain));

        Assert.Equal((77, 4L, 8L, 3), (_chain.Id, _chain.ReadableBytes, _chain.WritableBytes, _chain.PieceCount));
        byte[] bytes = new byte[3];
        Assert.True(_chain.TryRead(queue.Memory, 1, bytes));
        Assert.Equal([2, 3, 4], bytes);
        Assert.Equal(QueueTake.Empty, queue.TryTake(_chain));
    }

    [Fact]
    public void Completed_chains_are_visible_only_once_published()
    {
        _driver.Offer(4);
        _driver.Offer(9);
        PackedQueue queue = _driver.Open();
        DescriptorChain other = new();
        queue.TryTake(_chain);
        queue.TryTake(other);

        queue.Complete(other, 4);
        queue.Complete(_chain, 3);
        Assert.Null(_driver.TakeUsed(_ => 1));
        Assert.True(queue.Publish());

        Assert.Equal(((ushort)9, 4U), _driver.TakeUsed(_ => 1));
        Assert.Equal(((ushort)4, 3U), _driver.TakeUsed(_ => 1));
        Assert.Null(_driver.TakeUsed(_ => 1));
        Assert.False(queue.Publish());
        Assert.Equal(0, queue.InFlight);
    }

    [Fact]
    public void Indirect_table_is_read_in_its_order_whatever_its_other_flags_say()
    {
        _driver.DescribeIn(Table, 0, PackedDriver.Buffers, 16, DescriptorFlags.Indirect);
        _driver.DescribeIn(Table, 1, PackedDriver.Buffers + 512, 512, DescriptorFlags.Write);
        _driver.DescribeIn(Table, 2, PackedDriver.Buffers + 2048, 1, DescriptorFlags.Write | DescriptorFlags.Next);
        _driver.Offer(7, (Table, 3 * QueueLayout.DescriptorBytes, DescriptorFlags.Indirect));

        Assert.Equal(QueueTake.Taken, _driver.Open().TryTake(_chain));
        Assert.Equal((7, 16L, 513L), (_chain.Id, _chain.ReadableBytes, _chain.WritableBytes));
    }

    [Theory]
    [InlineData(0U, false)]
    [InlineData(0U, true)]
    [InlineData(PackedQueue.FreshBase, false)]
    public void Fresh_ring_begins_with_wrap_counters_of_1_also_when_its_base_is_said_to_be_0(uint start, bool offeredBefore)
    {
        _driver.Settings = _driver.Settings with { Base = start };
        if (offeredBefore) _driver.Offer(3);
        PackedQueue queue = _driver.Open();
        if (!offeredBefore) _driver.Offer(3);
        Assert.Equal(PackedQueue.FreshBase, queue.Base);
        Assert.Equal(QueueTake.Taken, queue.TryTake(_chain));
    }

    [Fact]
    public void Queue_goes_on_at_the_base_that_another_ended_with()
    {
        PackedQueue queue = _driver.Open();
        for (int i = 0; i < 50; i++)
        {
            if (i % 3 == 0)
            {
                _driver.Settings = _driver.Settings with { Base = queue.Base };
                queue = _driver.Open();
            }

            RoundTrip(queue, _driver);
        }
    }

    [Fact]
    public void Base_whose_upper_half_is_not_said_is_that_of_both_positions()
    {
        PackedQueue queue = _driver.Open();
        for (int i = 0; i < 50; i++)
        {
            _driver.Settings = _driver.Settings with { Base = queue.Base & 0xFFFF };
            queue = _driver.Open();
            RoundTrip(queue, _driver);
        }
    }

    [Fact]
    public void Base_of_0_after_a_whole_round_is_that_of_the_second()
    {
        PackedQueue queue = _driver.Open();
        for (int i = 0; i < 16; i++) RoundTrip(queue, _driver);
        Assert.Equal(0U, queue.Base);
        _driver.Settings = _driver.Settings with { Base = 0 };
        queue = _driver.Open();
        Assert.Equal(0U, queue.Base);
        RoundTrip(queue, _driver);
    }

    [Theory]
    [InlineData(0x8000_8000U, true)]
    [InlineData(0x000F_800FU, true)]
    [InlineData(0x0000_0010U, false)]
    [InlineData(0x8010_0000U, false)]
    [InlineData(uint.MaxValue, false)]
    public void Base_must_be_inside_the_ring(uint value, bool good) => Assert.Equal(good, PackedQueue.IsBase(value, 16));

    [Fact]
    public void Driver_says_whether_it_wants_signals()
    {
        PackedQueue queue = _driver.Open();
        Assert.True(RoundTrip(queue, _driver));
        _driver.Want(RingEvent.Disable);
        Assert.False(RoundTrip(queue, _driver));
        _driver.Want(RingEvent.Enable);
        Assert.True(RoundTrip(queue, _driver));
    }

    [Fact]
    public void Driver_sees_whether_kicks_are_wanted()
    {
        PackedQueue queue = _driver.Open();
        queue.DisableKicks();
        Assert.Equal(RingEvent.Disable, _driver.WantedKick.Wish);
        Assert.False(queue.EnableKicks());
        Assert.Equal(RingEvent.Enable, _driver.WantedKick.Wish);
        _driver.Offer(0);
        Assert.True(queue.EnableKicks());
    }

    [Fact]
    public void Driver_with_event_index_learns_at_which_descriptor_a_kick_is_wanted()
    {
        using var driver = new PackedDriver(size: 3, eventIndex: true);
        PackedQueue queue = driver.Open();
        for (int i = 0; i < 4; i++) RoundTrip(queue, driver);
        Assert.False(queue.EnableKicks());
        Assert.Equal((RingEvent.Position, 1, false), driver.WantedKick);
        driver.Offer(0);
        Assert.True(queue.EnableKicks());
    }

    [Fact]
    public void Pages_of_the_ring_and_of_the_events_are_marked_where_the_guest_has_them()
    {
        const ulong LogAt = 0x40000;
        Assert.True(QueueArea.TryFind(_driver.Memory, new Gpa(LogAt), 4096, 4, out QueueArea log));
        _driver.Settings = _driver.Settings with { Log = new DirtyLog(log), LoggedRing = new Gpa(3 << 12), LoggedUsed = new Gpa(5 << 12) };
        PackedQueue queue = _driver.Open();
        RoundTrip(queue, _driver);
        // The buffer is at page 32.
        Assert.Equal([1 << 3, 0, 0, 0, 1], _driver.Read(LogAt, 5));
        queue.EnableKicks();
        Assert.Equal([(1 << 3) | (1 << 5), 0, 0, 0, 1], _driver.Read(LogAt, 5));
    }

    [Fact]
    public void Taking_and_completing_allocate_nothing()
    {
        PackedQueue queue = _driver.Open();
        RoundTrip(queue, _driver);
        // One for each run; offering them allocates.
        for (ushort id = 0; id < 3; id++) _driver.Offer(id);
        Assert.Equal(0, Allocations.LeastOf(() =>
        {
            queue.TryTake(_chain);
            queue.Complete(_chain, 4);
            queue.Publish();
            queue.EnableKicks();
        }));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 2)]
    [InlineData(16, 3)]
    [InlineData(61, 4)]
    public void Driver_gets_back_what_it_offered_and_every_signal_that_it_waits_for(int size, int seed)
    {
        var random = new Random(seed);
        using var driver = new PackedDriver(size, eventIndex: true);
        PackedQueue queue = driver.Open();
        var free = new Stack<ushort>(Enumerable.Range(0, size).Select(static id => (ushort)id));
        int[] lengths = new int[size];
        int slots = size;
        List<DescriptorChain> taken = [];
        var expected = new Queue<(ushort Id, uint Bytes)>();
        bool sleeps = false;
        bool first = true;
        for (int step = 0; step < 20_000; step++)
        {
            switch (random.Next(5))
            {
                case 0 or 1 when free.Count > 0:
                    int length = random.Next(1, 4);
                    if (length > slots) break;
                    slots -= length;
                    ushort id = free.Pop();
                    lengths[id] = length;
                    driver.Offer(id, [.. Enumerable.Range(0, length).Select(i => (PackedDriver.Buffers, (uint)(id + 1), DescriptorFlags.Write))]);
                    break;
                case 2:
                    var chain = new DescriptorChain();
                    if (queue.TryTake(chain) != QueueTake.Taken) break;
                    Assert.Equal((lengths[chain.Id], (long)lengths[chain.Id] * (chain.Id + 1)), (chain.PieceCount, chain.WritableBytes));
                    taken.Add(chain);
                    break;
                case 3 when taken.Count > 0:
                    int which = random.Next(taken.Count);
                    uint written = (uint)random.Next(3);
                    queue.Complete(taken[which], written);
                    expected.Enqueue((taken[which].Id, written));
                    taken.RemoveAt(which);
                    break;
                default:
                    bool any = expected.Count > 0;
                    bool signalled = queue.Publish();
                    // A driver that waits for the next descriptor to be used is woken by it, and one that does not is let alone.
                    if (any && !first) Assert.Equal(sleeps, signalled);
                    first &= !any;
                    while (expected.TryDequeue(out (ushort Id, uint Bytes) used))
                    {
                        Assert.Equal(used, driver.TakeUsed(back => lengths[back]));
                        slots += lengths[used.Id];
                        free.Push(used.Id);
                    }

                    Assert.Null(driver.TakeUsed(_ => 1));
                    sleeps = random.Next(2) == 0;
                    // The place before is one that has been passed already.
                    driver.Want(RingEvent.Position, sleeps ? driver.Used : driver.Used.Slot > 0 ? (driver.Used.Slot - 1, driver.Used.Wrap) : (size - 1, !driver.Used.Wrap));
                    break;
            }

            Assert.Null(queue.Problem);
        }
    }

    private bool RoundTrip(PackedQueue queue, PackedDriver driver)
    {
        driver.Offer(0);
        Assert.Equal(QueueTake.Taken, queue.TryTake(_chain));
        queue.Complete(_chain, 4);
        bool signalled = queue.Publish();
        Assert.Equal(((ushort)0, 4U), driver.TakeUsed(_ => 1));
        return signalled;
    }
}
