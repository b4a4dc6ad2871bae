using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Storage.Disks;
using VmBus.TestKit;
using Xunit;

namespace VmBus.Storage.Tests.Disks;

/// <summary>Data through raw disks, on both engines and through and past the page cache.</summary>
public class RawDiskTests
{
    private const int Block = DiskBench.BlockBytes;
    private const int MiB = 1 << 20;

    public static TheoryData<LaneEngineKind, DiskCache> Ways => new()
    {
        { LaneEngineKind.IoUring, DiskCache.WriteBack },
        { LaneEngineKind.IoUring, DiskCache.Direct },
        { LaneEngineKind.Epoll, DiskCache.WriteBack },
        { LaneEngineKind.Epoll, DiskCache.Direct },
    };

    [Theory]
    [MemberData(nameof(Ways))]
    public void Write_then_read_returns_the_bytes_at_every_size(LaneEngineKind engine, DiskCache cache)
    {
        using var bench = new DiskBench(engine);
        string path = bench.MakeFile("disk.raw", 8 * MiB);
        using OpenedDisk disk = bench.Open(new DiskOptions(path) { Cache = cache });
        foreach (int bytes in new[] { 512, 4096, 65536, 2 * MiB })
        {
            byte[] pattern = DiskBench.Pattern(bytes, bytes);
            bench.Fill(0, pattern);
            Assert.Equal(bytes, disk.Write(0, bytes, MiB, durable: bytes == 4096));
            Assert.Equal(bytes, disk.Read(4 * MiB, bytes, MiB));
            Assert.Equal(pattern, bench.Peek(4 * MiB, bytes));
            Assert.Equal(0, disk.Flush());
            Assert.Equal(pattern, File.ReadAllBytes(path).AsSpan(MiB, bytes).ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Memory_without_alignment_and_in_pieces_is_served(LaneEngineKind engine, DiskCache cache)
    {
        using var bench = new DiskBench(engine);
        string path = bench.MakeFile("disk.raw", 8 * MiB);
        using OpenedDisk disk = bench.Open(new DiskOptions(path) { Cache = cache });
        byte[] pattern = DiskBench.Pattern(3, 3 * MiB);
        bench.Fill(0, pattern);

        // Odd addresses and odd lengths; only the sum is a whole number of sectors. Larger than one bounce buffer.
        using var source = new IoVectorList(4, 1024);
        Assert.True(source.TryAdd(bench.Memory, new Gpa(1), 100) && source.TryAdd(bench.Memory, new Gpa(1001), 412)
            && source.TryAdd(bench.Memory, new Gpa(5003), 2 * MiB));
        byte[] expected = [.. pattern[1..101], .. pattern[1001..1413], .. pattern[5003..(5003 + (2 * MiB))]];
        Assert.Equal(expected.Length, disk.Do((queue, _) => queue.Write(source, 512, false, disk, 1)));
        Assert.Equal(expected, File.ReadAllBytes(path).AsSpan(512, expected.Length).ToArray());

        using var target = new IoVectorList(4, 1024);
        Assert.True(target.TryAdd(bench.Memory, new Gpa((4 * MiB) + 3), expected.Length));
        Assert.Equal(expected.Length, disk.Do((queue, _) => queue.Read(target, 512, disk, 1)));
        Assert.Equal(expected, bench.Peek((4 * MiB) + 3, expected.Length));
        if (cache == DiskCache.Direct) Assert.True(((RawDisk)disk.Disk).Counters.Bounced >= 1);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void More_requests_than_the_lane_has_slots_all_complete(LaneEngineKind engine, DiskCache cache)
    {
        const int Count = 200;
        using var bench = new DiskBench(engine, slots: 3);
        string path = bench.MakeFile("disk.raw", MiB, fill: 5);
        using OpenedDisk disk = bench.Open(new DiskOptions(path) { Cache = cache });
        // Unaligned, so that bounce buffers run out too.
        List<IoVectorList> lists = Enumerable.Range(0, Count).Select(i => bench.Vectors(((ulong)i * Block) + 8, Block)).ToList();
        int done = 0;
        bench.Lane.Invoke(() =>
        {
            for (int i = 0; i < Count; i++)
            {
                int result = i % 2 == 0
                    ? disk.Queue.Read(lists[i], i % 256 * Block, disk, i)
                    : disk.Queue.Write(lists[i], i % 256 * Block, true, disk, i);
                if (result != IDiskQueue.Pending) done++;
            }
        });
        for (; done < Count; done++) Assert.Equal(Block, disk.Next().Result);
        lists.ForEach(list => list.Dispose());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Discard_frees_blocks_and_reads_as_zeroes(LaneEngineKind engine, DiskCache cache)
    {
        using var bench = new DiskBench(engine);
        string path = bench.MakeFile("disk.raw", 4 * MiB, fill: 9);
        using OpenedDisk disk = bench.Open(new DiskOptions(path) { Cache = cache });
        Assert.Equal(0, disk.Flush());
        long before = AllocatedBytes(path);
        Assert.True(disk.Disk.Traits.DiscardGranularityBytes > 0);
        Assert.Equal(0, disk.Discard(MiB, 2 * MiB));
        Assert.True(AllocatedBytes(path) <= before - (2 * MiB), "The blocks were not freed.");
        Assert.Equal(4 * MiB, new FileInfo(path).Length);
        Assert.Equal(Block, disk.Read(0, Block, MiB));
        Assert.Equal(new byte[Block], bench.Peek(0, Block));
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring, true)]
    [InlineData(LaneEngineKind.IoUring, false)]
    [InlineData(LaneEngineKind.Epoll, true)]
    [InlineData(LaneEngineKind.Epoll, false)]
    public void WriteZeroes_zeroes_exactly_the_range(LaneEngineKind engine, bool mayUnmap)
    {
        using var bench = new DiskBench(engine);
        string path = bench.MakeFile("disk.raw", 4 * MiB, fill: 9);
        using OpenedDisk disk = bench.Open(new DiskOptions(path));
        Assert.Equal(0, disk.WriteZeroes(MiB - 512, MiB, mayUnmap));
        byte[] content = File.ReadAllBytes(path);
        Assert.Equal(MiB, content.Count(value => value == 0));
        Assert.Equal(9, content[MiB - 513]);
        Assert.Equal(0, content[MiB - 512]);
        Assert.Equal(9, content[(2 * MiB) - 512]);
    }

    [Fact]
    public void WriteZeroes_writes_them_where_the_file_system_cannot()
    {
        // tmpfs punches holes but has no zero range.
        if (!Directory.Exists("/dev/shm")) return;
        using var bench = new DiskBench(parent: "/dev/shm");
        string path = bench.MakeFile("disk.raw", 4 * MiB, fill: 9);
        using OpenedDisk disk = bench.Open(new DiskOptions(path));
        Assert.Equal(0, disk.WriteZeroes(512, (3 * MiB) - 512, mayUnmap: false));
        byte[] content = File.ReadAllBytes(path);
        Assert.Equal((3 * MiB) - 512, content.Count(value => value == 0));
        Assert.Equal(9, content[511]);
        Assert.Equal(9, content[3 * MiB]);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Medium_shorter_than_its_geometry_answers_an_io_error(LaneEngineKind engine, DiskCache cache)
    {
        using var bench = new DiskBench(engine);
        string path = bench.MakeFile("disk.raw", 2 * MiB, fill: 1);
        using OpenedDisk disk = bench.Open(new DiskOptions(path) { Cache = cache });
        using (FileStream file = File.OpenWrite(path)) file.SetLength(MiB);
        Assert.Equal(-Errno.EIO, disk.Read(0, Block, MiB));
        Assert.Equal(-Errno.EIO, disk.Read(0, 2 * Block, MiB - Block));
        Assert.Equal(Block, disk.Read(0, Block, MiB - Block));
        Assert.False(disk.Disk.RefreshGeometry());
        Assert.Equal(2 * MiB, disk.Disk.Geometry.Bytes);
    }

    [Fact]
    public void Growth_is_seen_on_refresh_in_whole_sectors()
    {
        using var bench = new DiskBench();
        string path = bench.MakeFile("disk.raw", MiB);
        using OpenedDisk disk = bench.Open(new DiskOptions(path) { SectorBytes = 4096 });
        Assert.False(disk.Disk.RefreshGeometry());
        using (FileStream file = File.OpenWrite(path)) file.SetLength((2 * MiB) + 512);
        Assert.True(disk.Disk.RefreshGeometry());
        Assert.Equal(new DiskGeometry(2 * MiB, 4096, 4096), disk.Disk.Geometry);
        Assert.Equal(Block, disk.Write(0, Block, (2 * MiB) - Block));
    }

    [Fact]
    public void ReadOnly_disk_refuses_changes_and_reads()
    {
        using var bench = new DiskBench();
        string path = bench.MakeFile("disk.raw", MiB, fill: 4);
        using OpenedDisk disk = bench.Open(new DiskOptions(path) { ReadOnly = true });
        Assert.True(disk.Disk.Traits.ReadOnly);
        Assert.Equal(-Errno.EROFS, disk.Write(0, Block, 0));
        Assert.Equal(-Errno.EROFS, disk.Discard(0, Block));
        Assert.Equal(-Errno.EROFS, disk.WriteZeroes(0, Block, true));
        Assert.Equal(0, disk.Flush());
        Assert.Equal(Block, disk.Read(0, Block, 0));
        Assert.Equal(4, bench.Peek(0, 1)[0]);
    }

    [Fact]
    public void Iso_is_read_only_with_sectors_of_2048()
    {
        using var bench = new DiskBench();
        string path = bench.MakeFile("disk.iso", 64 * 2048);
        using OpenedDisk disk = bench.Open(new DiskOptions(path) { Format = DiskFormat.Iso });
        Assert.Equal(2048, disk.Disk.Geometry.LogicalSectorBytes);
        Assert.True(disk.Disk.Traits.ReadOnly);
    }

    [Theory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Short_queues_go_inline_and_deep_ones_to_the_engine(LaneEngineKind engine)
    {
        using var bench = new DiskBench(engine);
        string path = bench.MakeFile("disk.raw", MiB, fill: 4);
        using OpenedDisk disk = bench.Open(new DiskOptions(path));
        var raw = (RawDisk)disk.Disk;
        for (int i = 0; i < 8; i++) Assert.Equal(Block, disk.Read(0, Block, i * Block));
        Assert.InRange(raw.Counters.InlineReads, 1, 8);

        List<IoVectorList> lists = Enumerable.Range(0, 64).Select(i => bench.Vectors((ulong)i * Block, Block)).ToList();
        int pending = 0;
        bench.Lane.Invoke(() =>
        {
            foreach (IoVectorList list in lists) pending += disk.Queue.Read(list, 0, disk, 0) == IDiskQueue.Pending ? 1 : 0;
        });
        for (int i = 0; i < pending; i++) Assert.Equal(Block, disk.Next().Result);
        // At least: a slow host may use up the time of the turn earlier.
        Assert.InRange(pending, 64 - InlineBudget.ReadsPerTurn, 64);
        lists.ForEach(list => list.Dispose());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Steady_state_allocates_nothing_on_the_lane(LaneEngineKind engine, DiskCache cache)
    {
        using var bench = new DiskBench(engine);
        string path = bench.MakeFile("disk.raw", MiB, fill: 4);
        using OpenedDisk disk = bench.Open(new DiskOptions(path) { Cache = cache });
        using var finished = new ManualResetEventSlim();
        var load = new SteadyLoad(bench, disk.Queue, finished);
        bench.Lane.Invoke(() => bench.Lane.Schedule(load));
        Assert.True(finished.Wait(DiskBench.Patience));
        Assert.Equal(0, load.Failures);
        Assert.Equal(0, load.AllocatedBytes);
        load.Dispose();
    }

    private static long AllocatedBytes(string path)
    {
        using LinuxFile file = LinuxFile.TryOpen(path, LinuxOpen.Read, out _)!;
        Assert.Equal(0, FileStatus.TryRead(file, out FileStatus status));
        return status.AllocatedBytes;
    }

    /// <summary>Rounds of 16 requests: reads, writes, durable and unaligned ones, and flushes.</summary>
    private sealed class SteadyLoad : ILaneHandler, IIoCompletion, IDisposable
    {
        private const int Depth = 16;
        private const int RoundsPerMark = 40;
        private const int Rounds = 4 * RoundsPerMark;
        private readonly DiskBench _bench;
        private readonly IDiskQueue _queue;
        private readonly ManualResetEventSlim _finished;
        private readonly IoVectorList[] _lists = new IoVectorList[Depth];
        private readonly AllocationMarks _marks = new();
        private int _pending;
        private int _round;

        internal SteadyLoad(DiskBench bench, IDiskQueue queue, ManualResetEventSlim finished)
        {
            (_bench, _queue, _finished) = (bench, queue, finished);
            for (int i = 0; i < Depth; i++) _lists[i] = new IoVectorList(4, 1024);
        }

        internal int Failures { get; private set; }

        internal long AllocatedBytes => _marks.Least;

        public bool Run()
        {
            if (_round++ % RoundsPerMark == 0) _marks.Mark();
            if (_round > Rounds)
            {
                _finished.Set();
                return false;
            }

            for (int i = 0; i < Depth; i++)
            {
                _lists[i].Clear();
                _lists[i].TryAdd(_bench.Memory, new Gpa(((ulong)i * 2 * Block) + (i == 5 ? 8u : 0)), Block);
                int result = i switch
                {
                    0 => _queue.Flush(this, i),
                    1 => _queue.Write(_lists[i], i * Block, true, this, i),
                    _ when i % 2 == 0 => _queue.Read(_lists[i], i * Block, this, i),
                    _ => _queue.Write(_lists[i], i * Block, false, this, i),
                };
                if (result == IDiskQueue.Pending) _pending++;
                else Check(i, result);
            }

            return _pending == 0;
        }

        public void Complete(int tag, int result)
        {
            Check(tag, result);
            if (--_pending == 0) _bench.Lane.Schedule(this);
        }

        public void Dispose()
        {
            foreach (IoVectorList list in _lists) list.Dispose();
        }

        private void Check(int tag, int result) => Failures += result == (tag == 0 ? 0 : Block) ? 0 : 1;
    }
}
