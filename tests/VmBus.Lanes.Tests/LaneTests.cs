using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Lanes.Tests;

/// <summary>Threads, posted work, eventfds and scheduling, the same on both engines.</summary>
public class LaneTests
{
    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Invoke_runs_on_the_lanes_thread_and_hands_back_exceptions(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        Assert.False(laned.Lane.IsCurrent);
        Assert.True(laned.Get(() => laned.Lane.IsCurrent));
        Assert.Equal("test-lane", laned.Get(() => Thread.CurrentThread.Name));
        Assert.Throws<InvalidOperationException>(() => laned.Lane.Invoke(() => throw new InvalidOperationException()));
        Assert.True(laned.Get(() => laned.Lane.IsCurrent));
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Post_runs_in_the_order_posted(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        List<int> seen = [];
        for (int i = 0; i < 1000; i++)
        {
            int number = i;
            laned.Lane.Post(() => seen.Add(number));
        }

        Assert.Equal(Enumerable.Range(0, 1000), laned.Get(() => seen.ToArray()));
    }

    // With io_uring nobody reads the counter: each signal is reported although the last one is still in it, and none is reported twice.
    [Theory]
    [InlineData(LaneEngineKind.IoUring, 200UL, 0)]
    [InlineData(LaneEngineKind.Epoll, 0UL, 200)]
    public void Watch_runs_the_handler_once_at_every_signal(LaneEngineKind engine, ulong left, int reads)
    {
        using var laned = new Laned(engine);
        using var signal = EventFd.Create();
        using var ran = new SemaphoreSlim(0);
        IDisposable watch = laned.Get(() => laned.Lane.Watch(signal, new Handler(() => ran.Release() < 0)));
        (long signals, long others) = laned.Get(Counts);
        for (int i = 0; i < 200; i++)
        {
            signal.Signal();
            Assert.True(ran.Wait(Laned.Patience));
        }

        laned.Lane.Invoke(watch.Dispose);
        (long signalsThen, long othersThen) = laned.Get(Counts);
        Assert.Equal(200, signalsThen - signals);
        Assert.Equal(0, ran.CurrentCount);
        Assert.Equal(left, signal.Drain());
        // epoll also reads the lane's own eventfd and ends the watch.
        Assert.InRange(othersThen - others, reads, reads + (reads == 0 ? 0 : 8));

        (long Signals, long OtherCalls) Counts()
        {
            LaneCounters counters = laned.Lane.Counters;
            return (counters.Signals, counters.SystemCalls - counters.EngineCalls);
        }
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Watch_of_an_eventfd_that_is_signalled_already_runs_the_handler(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        using var signal = EventFd.Create();
        using var ran = new SemaphoreSlim(0);
        signal.Signal();
        laned.Lane.Invoke(() => laned.Lane.Watch(signal, new Handler(() => ran.Release() < 0)));
        Assert.True(ran.Wait(Laned.Patience));
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Watch_that_was_disposed_is_not_called_again_even_when_its_signal_was_seen(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        using var first = EventFd.Create();
        using var second = EventFd.Create();
        IDisposable? secondWatch = null;
        var victim = new Handler(() => false);
        var killer = new Handler(() =>
        {
            secondWatch!.Dispose();
            return false;
        });
        laned.Lane.Invoke(() =>
        {
            laned.Lane.Watch(first, killer);
            secondWatch = laned.Lane.Watch(second, victim);
        });

        // Both are seen in one turn, because the lane is held while they are signalled.
        laned.Lane.Invoke(() =>
        {
            first.Signal();
            second.Signal();
        });
        SettleUntil(laned, () => killer.Runs == 1);
        second.Signal();
        SettleUntil(laned, () => true);
        Assert.Equal(0, victim.Runs);
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Watches_come_and_go_without_growing(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        using var ran = new SemaphoreSlim(0);
        for (int i = 0; i < 300; i++)
        {
            using var signal = EventFd.Create();
            IDisposable watch = laned.Get(() => laned.Lane.Watch(signal, new Handler(() => ran.Release() < 0)));
            signal.Signal();
            Assert.True(ran.Wait(Laned.Patience));
            laned.Lane.Invoke(watch.Dispose);
        }

        SettleUntil(laned, () => true);
        Assert.True(laned.Get(() => laned.Lane.WatchCapacity) < 10);
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Readiness_is_reported_until_the_handler_has_read_everything(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        using var signal = EventFd.Create();
        using var wrapper = new Microsoft.Win32.SafeHandles.SafeFileHandle(signal.Descriptor, ownsHandle: false);
        using var ran = new SemaphoreSlim(0);
        int left = 5;
        // Not drained by the lane, so it stays ready until the handler drains it.
        var handler = new Handler(() =>
        {
            if (--left == 0)
            {
                signal.Drain();
                ran.Release();
            }

            return false;
        });
        LaneWatch watch = laned.Get(() => laned.Lane.WatchReadiness(wrapper, LaneReadiness.Readable, handler));
        signal.Signal();
        Assert.True(ran.Wait(Laned.Patience));
        SettleUntil(laned, () => true);
        Assert.Equal(5, handler.Runs);

        // An eventfd can always be written.
        left = 1;
        laned.Lane.Invoke(() => watch.Change(LaneReadiness.Writable));
        Assert.True(ran.Wait(Laned.Patience));
        laned.Lane.Invoke(watch.Dispose);
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Schedule_twice_runs_once_and_busy_handlers_share_the_turns(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        using var done = new SemaphoreSlim(0);
        int greedyRuns = 0;
        int greedyAtModest = -1;
        var greedy = new Handler(() => ++greedyRuns < 1000);
        var modest = new Handler(() =>
        {
            greedyAtModest = greedyRuns;
            done.Release();
            return false;
        });
        laned.Lane.Invoke(() =>
        {
            laned.Lane.Schedule(greedy);
            laned.Lane.Schedule(greedy);
            laned.Lane.Schedule(modest);
            laned.Lane.Schedule(modest);
        });
        Assert.True(done.Wait(Laned.Patience));
        SettleUntil(laned, () => greedyRuns == 1000);
        Assert.Equal(1, modest.Runs);
        Assert.Equal(1, greedyAtModest);
        Assert.Equal(1000, greedy.Runs);
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public async Task Exception_at_the_top_reaches_the_failure_hook_and_releases_waiting_threads(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        laned.Lane.Post(() => throw new ExpectedFailureException());
        Assert.IsType<ExpectedFailureException>(await laned.Failure.WaitAsync(Laned.Patience));
        Assert.Throws<ObjectDisposedException>(() => laned.Lane.Invoke(() => { }));
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Dispose_leaves_no_descriptor_and_no_thread(LaneEngineKind engine)
    {
        Cycle(engine);
        HashSet<string> threadsBefore = OwnThreads();
        int filesBefore = RingsAndPolls();
        for (int i = 0; i < 5; i++) Cycle(engine);
        Assert.Equal(filesBefore, RingsAndPolls());
        // A thread that was joined may need a moment to leave the kernel.
        Assert.True(SpinWait.SpinUntil(() => !OwnThreads().Except(threadsBefore, StringComparer.Ordinal).Any(), Laned.Patience));

        static void Cycle(LaneEngineKind engine)
        {
            using var lane = Lane.Start("cycle-lane", NullLogger.Instance, new LaneOptions { Engine = engine });
            using var signal = EventFd.Create();
            lane.Invoke(() => lane.Watch(signal, new Handler(() => false)));
        }

        static HashSet<string> OwnThreads() =>
            Directory.GetDirectories("/proc/self/task")
                .Where(task => ReadName(task).StartsWith("cycle-lane", StringComparison.Ordinal))
                .ToHashSet(StringComparer.Ordinal);

        static string ReadName(string task)
        {
            try
            {
                return File.ReadAllText(task + "/comm");
            }
            catch (IOException)
            {
                return string.Empty;
            }
        }

        static int RingsAndPolls() => Directory.GetFiles("/proc/self/fd")
            .Count(path => LinkOf(path) is "anon_inode:[io_uring]" or "anon_inode:[eventpoll]" or "anon_inode:[eventfd]");

        static string? LinkOf(string path)
        {
            try
            {
                return new FileInfo(path).LinkTarget;
            }
            catch (IOException)
            {
                return null;
            }
        }
    }

    [Fact]
    public void Automatic_uses_io_uring_where_the_kernel_allows_it()
    {
        using var laned = new Laned(LaneEngineKind.Automatic);
        Assert.StartsWith("io_uring", laned.Lane.EngineName, StringComparison.Ordinal);
    }

    /// <summary>Lets the lane go round until a condition holds, and a few times more.</summary>
    private static void SettleUntil(Laned laned, Func<bool> condition)
    {
        long deadline = Environment.TickCount64 + (long)Laned.Patience.TotalMilliseconds;
        while (!laned.Get(condition)) Assert.True(Environment.TickCount64 < deadline, "The lane did not get there.");
        for (int i = 0; i < 5; i++) laned.Lane.Invoke(() => { });
    }
}
