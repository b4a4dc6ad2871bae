using VmBus.Client.Channels;
using VmBus.Memory.Guest;
using Xunit;

namespace VmBus.Client.Tests.Channels;

public sealed class PagePoolTests
{
    [Fact]
    public void Pages_given_back_in_any_order_are_one_run_again()
    {
        using GuestMemory memory = GuestMemory.Create(100 * Gpa.PageBytes);
        var pool = new PagePool(memory, 10);
        var random = new Random(1);
        for (int round = 0; round < 200; round++)
        {
            var taken = new List<PageRun>();
            while (pool.TryTake(random.Next(1, 12), out PageRun run))
            {
                Assert.InRange(run.FirstPage, 10ul, 100ul - (ulong)run.PageCount);
                Assert.DoesNotContain(taken, other => run.FirstPage < other.FirstPage + (ulong)other.PageCount && other.FirstPage < run.FirstPage + (ulong)run.PageCount);
                taken.Add(run);
            }

            foreach (PageRun run in taken.OrderBy(_ => random.Next())) pool.Return(run);
        }

        Assert.True(pool.TryTake(90, out PageRun all));
        Assert.Equal(new PageRun(10, 90), all);
        Assert.False(pool.TryTake(1, out _));
    }
}
