using VmBus.Memory.Guest;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Queues;

/// <summary>Packed rings as no driver writes them: each breaks its queue, with a reason, and nothing else.</summary>
public sealed class HostilePackedQueueTests : IDisposable
{
    private const ulong Table = 0x30000;

    private readonly PackedDriver _driver = new();
    private readonly DescriptorChain _chain = new();

    public void Dispose() => _driver.Dispose();

    [Fact]
    public void Chain_without_an_end_breaks_the_queue()
    {
        for (int i = 0; i < 16; i++) _driver.Describe(i, PackedDriver.Buffers, 4, 0, DescriptorFlags.Next | DescriptorFlags.Available);
        AssertBroken("than the ring holds");
    }

    [Fact]
    public void Descriptors_that_are_made_available_while_they_are_on_their_way_break_the_queue()
    {
        PackedQueue queue = _driver.Open();
        for (int i = 0; i < 16; i++)
        {
            _driver.Offer(0);
            Assert.Equal(QueueTake.Taken, queue.TryTake(_chain));
        }

        _driver.Offer(0);
        Assert.Equal(QueueTake.Broken, queue.TryTake(_chain));
        Assert.Contains("more descriptors", queue.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Descriptors_that_are_complete_and_not_published_are_still_on_their_way()
    {
        PackedQueue queue = _driver.Open();
        for (int i = 0; i < 16; i++)
        {
            _driver.Offer(0);
            queue.TryTake(_chain);
            queue.Complete(_chain, 0);
        }

        _driver.Offer(0);
        Assert.Equal(QueueTake.Broken, queue.TryTake(_chain));
    }

    [Fact]
    public void Readable_descriptor_after_a_writable_one_breaks_the_queue()
    {
        _driver.Offer(0, (PackedDriver.Buffers, 4, DescriptorFlags.Write), (PackedDriver.Buffers, 4, DescriptorFlags.None));
        AssertBroken("follows one to be written");
    }

    [Theory]
    [InlineData(0U, "0 bytes")]
    [InlineData(24U, "24 bytes")]
    [InlineData((DescriptorChain.MaximumPieces + 1) * QueueLayout.DescriptorBytes, "bytes")]
    [InlineData(uint.MaxValue, "bytes")]
    public void Table_of_a_wrong_length_breaks_the_queue(uint bytes, string reason)
    {
        _driver.Offer(0, (Table, bytes, DescriptorFlags.Indirect));
        AssertBroken(reason);
    }

    [Theory]
    [InlineData(0xFFFFFUL)]
    [InlineData(0x100000UL)]
    [InlineData(ulong.MaxValue - 7)]
    public void Table_outside_memory_breaks_the_queue(ulong address)
    {
        _driver.Offer(0, (address, 16, DescriptorFlags.Indirect));
        AssertBroken("outside memory");
    }

    [Fact]
    public void Chain_that_goes_on_after_a_table_breaks_the_queue()
    {
        _driver.Offer(0, (Table, 16, DescriptorFlags.Indirect), (PackedDriver.Buffers, 4, DescriptorFlags.None));
        AssertBroken("goes on after");
    }

    [Fact]
    public void Tables_and_descriptors_that_make_a_chain_too_long_break_the_queue()
    {
        _driver.Offer(0, (PackedDriver.Buffers, 4, DescriptorFlags.None), (Table, DescriptorChain.MaximumPieces * QueueLayout.DescriptorBytes, DescriptorFlags.Indirect));
        AssertBroken("too long");
    }

    [Fact]
    public void Table_that_was_not_agreed_on_breaks_the_queue()
    {
        using var driver = new PackedDriver(indirect: false);
        driver.Offer(0, (Table, 16, DescriptorFlags.Indirect));
        PackedQueue queue = driver.Open();
        Assert.Equal(QueueTake.Broken, queue.TryTake(_chain));
        Assert.Contains("not agreed on", queue.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Chain_that_changes_after_it_was_taken_stays_what_it_was()
    {
        _driver.Offer(5, (PackedDriver.Buffers, 4, DescriptorFlags.None));
        PackedQueue queue = _driver.Open();
        queue.TryTake(_chain);
        _driver.Describe(0, 0xDEAD_0000, uint.MaxValue, 9, DescriptorFlags.Write | DescriptorFlags.Available);

        Assert.Equal((5, 4L, 0L), (_chain.Id, _chain.ReadableBytes, _chain.WritableBytes));
        Assert.True(_chain.TryRead(queue.Memory, 0, new byte[4]));
    }

    [Fact]
    public void Wish_for_a_signal_outside_the_ring_or_of_no_kind_is_taken_somehow()
    {
        using var driver = new PackedDriver(eventIndex: true);
        PackedQueue queue = driver.Open();
        for (int i = 0; i < 200; i++)
        {
            driver.Want((RingEvent)(i * 7919), ((i * 163) & 0x7FFF, i % 2 == 0));
            driver.Offer(0);
            Assert.Equal(QueueTake.Taken, queue.TryTake(_chain));
            queue.Complete(_chain, 1);
            queue.Publish();
        }
    }

    [Fact]
    public void Descriptors_that_change_all_the_time_never_lead_outside()
    {
        // A second thread writes the ring as fast as it can, valid and invalid descriptors in turn.
        using var stop = new CancellationTokenSource();
        var guest = new Thread(() =>
        {
            var random = new Random(7);
            byte[] noise = new byte[16 * QueueLayout.DescriptorBytes];
            while (!stop.IsCancellationRequested)
            {
                random.NextBytes(noise);
                _driver.Write(PackedDriver.RingAt, noise);
                for (int i = 0; i < 16; i++)
                {
                    DescriptorFlags flags = (DescriptorFlags)random.Next(8) | PackedDriver.Mark(random.Next(2) == 0);
                    _driver.Describe(i, PackedDriver.Buffers + (ulong)random.Next(4096), (uint)random.Next(4096), (ushort)random.Next(65536), flags);
                }
            }
        });
        guest.Start();
        for (int round = 0; round < 3000; round++)
        {
            using var list = new IoVectorList(4, 64);
            PackedQueue queue = _driver.Open();
            UseAll(queue, list);
        }

        stop.Cancel();
        guest.Join();
    }

    [Fact]
    public void Random_rings_are_taken_or_refused_and_never_throw()
    {
        var random = new Random(20);
        byte[] noise = new byte[64];
        for (int round = 0; round < 4000; round++)
        {
            using var list = new IoVectorList(4, 64);
            for (int i = 0; i < 16; i++)
                _driver.Describe(i, Address(random), Length(random), (ushort)random.Next(65536), (DescriptorFlags)random.Next(8) | PackedDriver.Mark(random.Next(8) > 0));
            for (int i = 0; i < 8; i++) _driver.DescribeIn(Table, i, Address(random), Length(random), (DescriptorFlags)random.Next(65536));
            random.NextBytes(noise);
            _driver.Write(PackedDriver.DriverEventAt, noise.AsSpan(0, 4));
            uint start = (uint)(random.Next(16) | (random.Next(2) << 15) | (random.Next(16) << 16)) | ((uint)random.Next(2) << 31);
            Assert.True(PackedQueue.IsBase(start, 16));
            _driver.Settings = _driver.Settings with { Base = start, EventIndex = random.Next(2) == 0 };
            UseAll(_driver.Open(), list);
        }
    }

    // Accepted input has the promised shape.
    private void UseAll(PackedQueue queue, IoVectorList list)
    {
        for (int taken = 0; taken < 64 && queue.TryTake(_chain) == QueueTake.Taken; taken++)
        {
            Assert.InRange(_chain.PieceCount, 1, DescriptorChain.MaximumPieces);
            long readable = Math.Min(_chain.ReadableBytes, 8192);
            _ = _chain.TryRead(queue.Memory, _chain.ReadableBytes - readable, new byte[readable]);
            list.Clear();
            if (_chain.TryAddReadable(list, queue.Memory, 0, readable)) Assert.Equal(readable, list.Bytes);
            else Assert.Equal(0, list.Bytes);
            queue.Complete(_chain, 1);
            if (taken % 2 == 0) queue.Publish();
        }

        queue.Publish();
        queue.EnableKicks();
        Assert.Equal(0, queue.InFlight);
    }

    private static ulong Address(Random random) => random.Next(5) switch
    {
        0 => Table,
        1 => (ulong)random.NextInt64(),
        2 => ulong.MaxValue - (ulong)random.Next(8),
        _ => PackedDriver.Buffers + (ulong)random.Next(0x10000),
    };

    private static uint Length(Random random) => random.Next(4) switch
    {
        0 => (uint)random.Next(9) * 16,
        1 => (uint)random.NextInt64(),
        _ => (uint)random.Next(0x2000),
    };

    private void AssertBroken(string reason)
    {
        PackedQueue queue = _driver.Open();
        Assert.Equal(QueueTake.Broken, queue.TryTake(_chain));
        Assert.Contains(reason, queue.Problem, StringComparison.Ordinal);
        Assert.Equal(0, queue.InFlight);
    }
}
