using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.TestKit;
using Xunit;

namespace VmBus.Lanes.Tests;

/// <summary>File I/O through a lane, the same on both engines.</summary>
public sealed class LaneFileTests : IDisposable
{
    private const int BlockBytes = 4096;
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"vmbus-lane-{Guid.NewGuid():N}");
    private readonly GuestMemory _memory = GuestMemory.Create(1 << 20);
    private readonly LinuxFile _file;

    public LaneFileTests()
    {
        File.WriteAllBytes(_path, new byte[16 * BlockBytes]);
        _file = LinuxFile.TryOpen(_path, LinuxOpen.ReadWrite, out _)!;
    }

    public void Dispose()
    {
        _file.Dispose();
        _memory.Dispose();
        File.Delete(_path);
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Written_bytes_are_read_back_and_reach_the_file(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        using var completions = new Completions();
        byte[] pattern = new byte[BlockBytes];
        new Random(1).NextBytes(pattern);
        _memory.TryWrite(new Gpa(0), pattern);
        using var source = Vectors(0);
        using var target = Vectors(65536);

        Assert.True(laned.Get(() => laned.Lane.TryWrite(_file, source.Address, source.Count, BlockBytes, true, completions, 1)));
        Assert.Equal((1, BlockBytes), completions.Next());
        Assert.True(laned.Get(() => laned.Lane.TryFlush(_file, completions, 2)));
        Assert.Equal((2, 0), completions.Next());
        Assert.True(laned.Get(() => laned.Lane.TryRead(_file, target.Address, target.Count, BlockBytes, completions, 3)));
        Assert.Equal((3, BlockBytes), completions.Next());

        byte[] seen = new byte[BlockBytes];
        _memory.TryRead(new Gpa(65536), seen);
        Assert.Equal(pattern, seen);
        Assert.Equal(pattern, File.ReadAllBytes(_path)[BlockBytes..(2 * BlockBytes)]);
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Allocate_punches_holes(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        using var completions = new Completions();
        File.WriteAllBytes(_path, Enumerable.Repeat((byte)7, 16 * BlockBytes).ToArray());
        Assert.True(laned.Get(() => laned.Lane.TryAllocate(
            _file, LinuxFile.PunchHole | LinuxFile.KeepSize, BlockBytes, BlockBytes, completions, 9)));
        Assert.Equal((9, 0), completions.Next());
        byte[] content = File.ReadAllBytes(_path);
        Assert.All(content[BlockBytes..(2 * BlockBytes)], value => Assert.Equal(0, value));
        Assert.Equal(7, content[BlockBytes - 1]);
        Assert.Equal(7, content[2 * BlockBytes]);
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Failures_arrive_as_negative_errno(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        using var completions = new Completions();
        using LinuxFile readOnly = LinuxFile.TryOpen(_path, LinuxOpen.Read, out _)!;
        using LinuxFile full = LinuxFile.TryOpen("/dev/full", LinuxOpen.ReadWrite, out _)!;
        using var data = Vectors(0);
        const int EBADF = 9;
        laned.Lane.Invoke(() => laned.Lane.TryWrite(readOnly, data.Address, data.Count, 0, false, completions, 1));
        Assert.Equal((1, -EBADF), completions.Next());
        laned.Lane.Invoke(() => laned.Lane.TryWrite(full, data.Address, data.Count, 0, false, completions, 2));
        Assert.Equal((2, -Errno.ENOSPC), completions.Next());
        laned.Lane.Invoke(() => laned.Lane.TryDiscardBlocks(_file, 0, BlockBytes, completions, 3));
        Assert.True(completions.Next().Result < 0);
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Operations_beyond_the_slots_are_refused_until_one_completes(LaneEngineKind engine)
    {
        using var laned = new Laned(engine, slots: 4);
        using var completions = new Completions();
        using var data = Vectors(0);
        bool[] accepted = laned.Get(() =>
            Enumerable.Range(0, 6).Select(tag => laned.Lane.TryRead(_file, data.Address, data.Count, 0, completions, tag)).ToArray());
        Assert.Equal([true, true, true, true, false, false], accepted);
        Assert.Equal([0, 1, 2, 3], Enumerable.Range(0, 4).Select(_ => completions.Next().Tag).Order());
        Assert.True(laned.Get(() => laned.Lane.TryRead(_file, data.Address, data.Count, 0, completions, 6)));
        Assert.Equal((6, BlockBytes), completions.Next());
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Many_more_operations_than_ring_entries_all_complete(LaneEngineKind engine)
    {
        const int Count = 1000;
        using var laned = new Laned(engine, slots: Count);
        using var completions = new Completions();
        using var data = Vectors(0);
        laned.Lane.Invoke(() =>
        {
            for (int tag = 0; tag < Count; tag++) Assert.True(laned.Lane.TryRead(_file, data.Address, data.Count, 0, completions, tag));
        });
        Assert.Equal(Enumerable.Range(0, Count), Enumerable.Range(0, Count).Select(_ => completions.Next().Tag).Order());
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Dispose_waits_for_what_is_in_flight(LaneEngineKind engine)
    {
        using var completions = new Completions();
        using var data = Vectors(0);
        using (var laned = new Laned(engine))
        {
            laned.Lane.Invoke(() =>
            {
                for (int tag = 0; tag < 32; tag++) laned.Lane.TryWrite(_file, data.Address, data.Count, 0, true, completions, tag);
            });
        }

        Assert.Equal(Enumerable.Range(0, 32), Enumerable.Range(0, 32).Select(_ => completions.Next().Tag).Order());
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Steady_state_allocates_nothing_on_the_lane(LaneEngineKind engine)
    {
        using var laned = new Laned(engine);
        using var data = Vectors(0);
        using var signal = EventFd.Create();
        using var finished = new ManualResetEventSlim();
        var loop = new ReadLoop(laned.Lane, _file, data, signal, finished);
        laned.Lane.Invoke(() => laned.Lane.Watch(signal, loop));
        signal.Signal();
        Assert.True(finished.Wait(Laned.Patience));
        Assert.Equal(0, loop.AllocatedBytes);
    }

    private IoVectorList Vectors(ulong at)
    {
        var list = new IoVectorList(1, 1);
        Assert.True(list.TryAdd(_memory, new Gpa(at), BlockBytes));
        return list;
    }

    /// <summary>Signals itself, reads, and signals itself again: eventfd, handler, read, completion, schedule in every round.</summary>
    private sealed class ReadLoop(Lane lane, LinuxFile file, IoVectorList data, EventFd signal, ManualResetEventSlim finished)
        : ILaneHandler, IIoCompletion
    {
        private const int RoundsPerMark = 400;
        private const int Rounds = 4 * RoundsPerMark;
        private readonly AllocationMarks _marks = new();
        private int _round;

        internal long AllocatedBytes => _marks.Least;

        public bool Run()
        {
            lane.TryRead(file, data.Address, data.Count, 0, this, _round);
            return false;
        }

        public void Complete(int tag, int result)
        {
            if (++_round % RoundsPerMark == 0) _marks.Mark();
            if (_round < Rounds)
            {
                if (_round % 2 == 0) signal.Signal();
                else lane.Schedule(this);
                return;
            }

            finished.Set();
        }
    }
}
