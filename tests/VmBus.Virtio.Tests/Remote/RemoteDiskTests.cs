using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Storage.Disks;
using VmBus.TestKit.Disks;
using VmBus.Virtio.Remote;
using VmBus.Virtio.Tests.VhostUser;
using Xunit;

namespace VmBus.Virtio.Tests.Remote;

/// <summary>A disk whose back-end is another process's: this project's own server stands for it.</summary>
public sealed class RemoteDiskTests
{
    [Theory]
    [InlineData(1, 4096)]
    [InlineData(7, 512)]
    [InlineData(600, 512)]
    [InlineData(900, 100)]
    public void Data_goes_both_ways_between_guest_memory_and_the_medium(int pieces, int bytes)
    {
        int total = pieces * bytes / 512 * 512;
        using var bench = new RemoteDiskBench();
        byte[] content = RemoteDiskBench.Pattern(1, total);
        using IoVectorList source = bench.Pieces(0, pieces, bytes);
        source.Truncate(total);
        source.CopyFrom(content);
        Assert.Equal(total, bench.Write(source, 4096));
        Assert.Equal(content, bench.Medium.Content.AsSpan(4096, total));

        using IoVectorList target = bench.Pieces(2 << 20, pieces, bytes);
        target.Truncate(total);
        Assert.Equal(total, bench.Read(target, 4096));
        using IoVectorList again = bench.Pieces(2 << 20, pieces, bytes);
        byte[] read = new byte[total];
        again.CopyTo(read);
        Assert.Equal(content, read);
    }

    [Fact]
    public void Memory_that_the_back_end_does_not_have_is_copied_through()
    {
        const int Bytes = 200 << 10;
        using var bench = new RemoteDiskBench();
        using var buffer = new BounceBuffer(Bytes);
        using var list = new IoVectorList(1, 1);
        RemoteDiskBench.Pattern(2, Bytes).CopyTo(buffer.Data);
        Assert.True(list.TryAdd(buffer, Bytes));
        Assert.Equal(Bytes, bench.Write(list, 0));
        Assert.Equal(buffer.Data.ToArray(), bench.Medium.Content[..Bytes]);

        buffer.Data.Clear();
        Assert.True(list.TryAdd(buffer, Bytes));
        Assert.Equal(Bytes, bench.Read(list, 0));
        Assert.Equal(bench.Medium.Content[..Bytes], buffer.Data.ToArray());
    }

    [Fact]
    public void More_operations_than_a_ring_has_places_all_end()
    {
        const int Count = 500;
        using var bench = new RemoteDiskBench();
        bench.Medium.Content.AsSpan().Fill(7);
        IoVectorList[] lists = [.. Enumerable.Range(0, Count).Select(i => bench.Pieces((ulong)i * 1024, 1, 512))];
        bench.Start(queue =>
        {
            for (int i = 0; i < Count; i++) Assert.Equal(IDiskQueue.Pending, queue.Read(lists[i], i * 512, bench, i));
            return 0;
        });
        HashSet<int> tags = [];
        for (int i = 0; i < Count; i++)
        {
            (int tag, int result) = bench.Next();
            Assert.True(tags.Add(tag));
            Assert.Equal(512, result);
        }

        foreach (IoVectorList list in lists) list.Dispose();
    }

    [Fact]
    public void Lanes_share_the_one_queue_that_a_back_end_has()
    {
        using var bench = new RemoteDiskBench(backEndQueues: 1, lanes: 3);
        for (int round = 0; round < 20; round++)
        {
            for (int lane = 0; lane < 3; lane++)
            {
                using IoVectorList data = bench.Pieces((ulong)lane * 8192, 1, 4096);
                data.CopyFrom(RemoteDiskBench.Pattern(lane, 4096));
                Assert.Equal(4096, bench.Write(data, lane * 4096, lane: lane));
            }
        }

        for (int lane = 0; lane < 3; lane++) Assert.Equal(RemoteDiskBench.Pattern(lane, 4096), bench.Medium.Content.AsSpan(lane * 4096, 4096));
    }

    [Fact]
    public void Flush_discard_and_zeroes_reach_the_medium()
    {
        using var bench = new RemoteDiskBench();
        bench.Medium.Content.AsSpan().Fill(9);
        Assert.Equal(0, bench.Do(queue => queue.Flush(bench, 0)));
        Assert.Equal(0, bench.Do(queue => queue.Discard(8192, 4096, bench, 0)));
        Assert.Equal(0, bench.Do(queue => queue.WriteZeroes(65536, 4096, mayUnmap: true, bench, 0)));
        using IoVectorList data = bench.Pieces(0, 1, 512);
        Assert.Equal(512, bench.Write(data, 0, durable: true));
        Assert.Equal((2, 1, 1, 1), (
            bench.Medium.Counts[DiskOperation.Flush],
            bench.Medium.Counts[DiskOperation.Discard],
            bench.Medium.Counts[DiskOperation.WriteZeroes],
            bench.Medium.UnmappingZeroWrites));
        Assert.Equal([9, 0, 0, 9], new[] { 65535, 65536, 69631, 69632 }.Select(at => (int)bench.Medium.Content[at]));
    }

    [Fact]
    public void Failure_of_the_medium_is_the_operations()
    {
        using var bench = new RemoteDiskBench();
        bench.Medium.FailNext[DiskOperation.Read] = Errno.ENOSPC;
        using IoVectorList data = bench.Pieces(0, 1, 512);
        Assert.Equal(-Errno.EIO, bench.Read(data, 0));
        Assert.Equal(512, bench.Read(data, 0));
    }

    [Theory]
    [InlineData(true, "")]
    [InlineData(false, ",readonly")]
    public void Disk_is_read_only_when_either_side_says_so(bool medium, string options)
    {
        using var bench = new RemoteDiskBench(new FakeDisk(traits: new DiskTraits(medium, WriteCache: true, 4096, 0, Rotational: false)), options: options);
        Assert.Equal((true, 0), (bench.Disk.Traits.ReadOnly, bench.Disk.Traits.DiscardGranularityBytes));
        using IoVectorList data = bench.Pieces(0, 1, 512);
        Assert.Equal(-Errno.EROFS, bench.Write(data, 0));
        Assert.Equal(512, bench.Read(data, 0));
    }

    [Fact]
    public void Geometry_is_the_back_ends_and_follows_it()
    {
        using var bench = new RemoteDiskBench(new FakeDisk(bytes: 1 << 20, sectorBytes: 4096));
        Assert.Equal(new DiskGeometry(1 << 20, 4096, 4096), bench.Disk.Geometry);
        using var told = new ManualResetEventSlim();
        bench.Disk.WhenSizeChanges(() =>
        {
            if (bench.Disk.RefreshGeometry()) told.Set();
        });
        bench.Medium.Grow(2 << 20);
        Assert.True(bench.Medium.RefreshGeometry());
        bench.BackEnd.Server.TellConfigChanged();
        Assert.True(told.Wait(RemoteDiskBench.Patience));
        Assert.Equal(2 << 20, bench.Disk.Geometry.Bytes);
    }

    [Fact]
    public void Back_end_that_goes_makes_everything_fail_with_one_line()
    {
        using var bench = new RemoteDiskBench();
        bench.Medium.Late = true;
        using IoVectorList data = bench.Pieces(0, 1, 512);
        Assert.Equal(IDiskQueue.Pending, bench.Start(queue => queue.Read(data, 0, bench, 5)));
        Assert.True(SpinWait.SpinUntil(() => bench.Medium.LateCount == 1, RemoteDiskBench.Patience));

        Thread ending = EndServer(bench.BackEnd);
        Assert.Equal((5, -Errno.EIO), bench.Next());
        Assert.Equal(-Errno.EIO, bench.Read(data, 0));
        Assert.Contains("its back-end has gone; from now on the guest gets I/O errors", bench.Log.WaitForLine("back-end"), StringComparison.Ordinal);
        Assert.Equal(1, bench.Log.Count("back-end"));
        bench.BackEnd.CompleteLate();
        Assert.True(ending.Join(RemoteDiskBench.Patience));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_under_way_is_asked_of_the_next_back_end_when_that_is_waited_for(bool byConnector)
    {
        using var bench = new RemoteDiskBench(options: ",reconnect=1", byConnector: byConnector);
        bench.Medium.Late = true;
        using IoVectorList first = bench.Pieces(0, 1, 512);
        using IoVectorList second = bench.Pieces(8192, 1, 512);
        using IoVectorList third = bench.Pieces(16384, 1, 512);
        using IoVectorList fourth = bench.Pieces(32768, 1, 512);
        second.CopyFrom(RemoteDiskBench.Pattern(3, 512));
        Assert.Equal(IDiskQueue.Pending, bench.Start(queue => queue.Read(first, 0, bench, 1)));
        Assert.True(SpinWait.SpinUntil(() => bench.Medium.LateCount == 1, RemoteDiskBench.Patience));
        Thread ending = EndServer(bench.BackEnd);
        _ = bench.Log.WaitForLine("waits until there is one again");
        Assert.Equal(IDiskQueue.Pending, bench.Start(queue => queue.Write(second, 512, false, bench, 2)));
        Assert.True(bench.IsQuiet());

        using (var next = new Export(socket: bench.BackEnd.Socket))
        {
            Assert.Equal([(1, 512), (2, 512)], new[] { bench.Next(), bench.Next() }.Order());
            Assert.Equal(RemoteDiskBench.Pattern(3, 512), next.Disk.Content.AsSpan(512, 512));
            _ = bench.Log.WaitForLine("there is a back-end again");
            bench.BackEnd.CompleteLate();
            Assert.True(ending.Join(RemoteDiskBench.Patience));
        }

        // Nobody waits any more: what would wait fails.
        Assert.True(SpinWait.SpinUntil(() => bench.Log.Count("waits until there is one again") == 2, RemoteDiskBench.Patience));
        Assert.Equal(IDiskQueue.Pending, bench.Start(queue => queue.Read(third, 0, bench, 3)));
        bench.Disk.GiveUp(true);
        Assert.Equal((3, -Errno.EIO), bench.Next());
        bench.Disk.GiveUp(false);
        Assert.Equal(IDiskQueue.Pending, bench.Start(queue => queue.Read(fourth, 0, bench, 4)));
        bench.Disk.GiveUp(true);
        Assert.Equal((4, -Errno.EIO), bench.Next());
    }

    [Fact]
    public void Nobody_at_the_socket_is_said_in_one_line()
    {
        using var memory = GuestMemory.Create(1 << 20);
        using var log = new Export();
        DiskOptions options = DiskOptions.Parse("vhost-user=/nowhere/s");
        BackEndException refusal = Assert.Throws<BackEndException>(() => RemoteDisk.Open(options, memory, 1, log));
        Assert.Equal("Disk 'vhost-user=/nowhere/s' has no back-end: there is no socket '/nowhere/s'; start the back-end first.", refusal.Message);
    }

    [Theory]
    [InlineData(0x1_0000_0000UL, 0UL, "does not offer protocol features (bit 30)")]
    [InlineData(0x1_4000_0000UL, 0UL, "does not offer its configuration (protocol feature 9)")]
    [InlineData(0x5000_0000UL, 0x200UL, "does not offer virtio 1.0 (bit 32)")]
    [InlineData(0x1_4000_0000UL, 0x200UL, "does not offer indirect descriptors (bit 28)")]
    [InlineData(0x1_5000_0000UL, 0x200UL, "a medium without any sector")]
    public void Back_end_that_lacks_what_is_needed_is_refused_with_what_it_lacks(ulong features, ulong protocol, string words)
    {
        using var backEnd = new ScriptedBackEnd(features, protocol);
        using var memory = GuestMemory.Create(1 << 20);
        using var log = new Export();
        DiskOptions options = DiskOptions.Parse($"vhost-user={backEnd.Socket}");
        BackEndException refusal = Assert.Throws<BackEndException>(() => RemoteDisk.Open(options, memory, 1, log));
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }

    // Its session waits for what its disk holds back, as a process that is killed does not; the connection ends at once all the same.
    private static Thread EndServer(Export backEnd)
    {
        var ending = new Thread(backEnd.End);
        ending.Start();
        return ending;
    }
}
