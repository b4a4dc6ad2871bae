using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Queues;

/// <summary>A queue is opened again over the same memory, as a process does that follows one that was killed.</summary>
public sealed class SplitInflightTests : IDisposable
{
    private const ulong Region = 0x40000;

    private readonly SplitDriver _driver = new(eventIndex: true);
    private readonly DescriptorChain[] _chains = [.. Enumerable.Range(0, 16).Select(_ => new DescriptorChain())];

    public void Dispose() => _driver.Dispose();

    [Fact]
    public void Requests_on_their_way_are_taken_again_in_their_order()
    {
        SplitQueue first = Open();
        Offer(4, 2, 9);
        Take(first, 3);
        first.Complete(_chains[1], 4);
        first.Publish();

        SplitQueue second = Open();
        Assert.Equal([4, 9], TakeAll(second));
        Offer(5);
        Assert.Equal([5], TakeAll(second));
    }

    [Fact]
    public void Request_completed_and_not_published_is_taken_again()
    {
        SplitQueue first = Open();
        Offer(4, 2);
        Take(first, 2);
        first.Complete(_chains[0], 4);

        Assert.Equal([4, 2], TakeAll(Open()));
    }

    [Fact]
    public void Batch_that_the_driver_saw_is_not_taken_again_when_the_end_came_before_it_was_crossed_off()
    {
        SplitQueue first = Open();
        Offer(4, 2, 9);
        Take(first, 3);
        first.Complete(_chains[0], 4);
        first.Complete(_chains[2], 4);
        // The used index is the one store of publishing that happened.
        _driver.Write(SplitDriver.UsedAt + 2, [2, 0]);

        Assert.Equal([2], TakeAll(Open()));
    }

    [Fact]
    public void Nothing_is_taken_again_when_all_was_published()
    {
        SplitQueue first = Open();
        for (int round = 0; round < 40; round++)
        {
            Offer(1, 2);
            Take(first, 2);
            first.Complete(_chains[1], 4);
            first.Complete(_chains[0], 4);
            first.Publish();
        }

        SplitQueue second = Open();
        Assert.Equal(0, second.RecoveredCount);
        Assert.Equal(first.Base, second.Base);
        Assert.Empty(TakeAll(second));
    }

    [Fact]
    public void Order_survives_a_second_end()
    {
        SplitQueue first = Open();
        Offer(4, 2);
        Take(first, 2);
        SplitQueue second = Open();
        Assert.Equal([4, 2], TakeAll(second));
        Offer(1);
        Take(second, 1);
        Assert.Equal([4, 2, 1], TakeAll(Open()));
    }

    [Fact]
    public void Region_of_another_version_or_size_is_refused()
    {
        _ = Open();
        Assert.Null(SplitInflight.TryOpen(Area(), 8));
        _driver.Write(Region + 8, [2, 0]);
        Assert.Null(SplitInflight.TryOpen(Area(), 16));
        Assert.Null(SplitInflight.TryOpen(default, 16));
    }

    [Fact]
    public void Random_regions_lead_to_nothing_but_heads_of_the_ring()
    {
        var random = new Random(3);
        byte[] noise = new byte[SplitInflight.BytesFor(16)];
        for (int round = 0; round < 2000; round++)
        {
            random.NextBytes(noise);
            _driver.Write(Region, noise);
            _driver.Write(Region + 8, [1, 0, 16, 0]);
            SplitInflight log = SplitInflight.TryOpen(Area(), 16)!;
            int count = log.Recover((ushort)random.Next(65536));
            Assert.InRange(count, 0, 16);
            while (log.TryTakeRecovered(out ushort head)) Assert.InRange(head, 0, 15);
        }
    }

    private QueueArea Area()
    {
        Assert.True(QueueArea.TryFind(_driver.Memory, new Gpa(Region), SplitInflight.BytesFor(16), 8, out QueueArea area));
        return area;
    }

    private SplitQueue Open()
    {
        _driver.Settings = _driver.Settings with { Inflight = SplitInflight.TryOpen(Area(), 16) };
        return _driver.Open();
    }

    private void Offer(params ushort[] heads)
    {
        foreach (ushort head in heads)
        {
            _driver.Describe(head, SplitDriver.Buffers + head, 4, DescriptorFlags.Write);
            _driver.Offer(head);
        }
    }

    private void Take(SplitQueue queue, int count)
    {
        for (int i = 0; i < count; i++) Assert.Equal(QueueTake.Taken, queue.TryTake(_chains[i]));
    }

    private List<ushort> TakeAll(SplitQueue queue)
    {
        List<ushort> heads = [];
        while (queue.TryTake(_chains[0]) == QueueTake.Taken) heads.Add(_chains[0].Id);
        return heads;
    }
}
