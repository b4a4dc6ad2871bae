using VmBus.Memory.Guest;
using VmBus.TestKit;
using Xunit;

namespace VmBus.Memory.Tests.Guest;

/// <summary>The list covers exactly the guest bytes that were added, through every short transfer and cut.</summary>
public sealed class IoVectorListTests : IDisposable
{
    private readonly GuestMemory _memory = GuestMemory.Create(256 * 4096);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void Neighbours_join_and_others_do_not()
    {
        using var list = new IoVectorList(1, 8);
        Assert.True(list.TryAdd(_memory, new Gpa(0), 100));
        Assert.True(list.TryAdd(_memory, new Gpa(100), 50));
        Assert.Equal(1, list.Count);
        Assert.True(list.TryAdd(_memory, new Gpa(4096), 10));
        Assert.True(list.TryAdd(_memory, new Gpa(4000), 10));
        Assert.Equal(3, list.Count);
        Assert.Equal(170, list.Bytes);
    }

    [Fact]
    public void Bytes_that_are_not_memory_are_refused_and_change_nothing()
    {
        using var list = new IoVectorList(1, 8);
        list.TryAdd(_memory, new Gpa(0), 8);
        Assert.False(list.TryAdd(_memory, new Gpa((256 * 4096) - 4), 8));
        Assert.False(list.TryAdd(_memory, new Gpa(ulong.MaxValue), 8));
        Assert.False(list.TryAdd(_memory, new Gpa(0), -1));
        Assert.True(list.TryAdd(_memory, new Gpa(ulong.MaxValue), 0));
        Assert.Equal((1, 8L), (list.Count, list.Bytes));
    }

    [Fact]
    public void List_grows_to_its_maximum_and_no_further()
    {
        using var list = new IoVectorList(1, 5);
        for (int i = 0; i < 5; i++) Assert.True(list.TryAdd(_memory, Gpa.FromPage((ulong)i * 2), 8));
        Assert.False(list.TryAdd(_memory, Gpa.FromPage(20), 8));
        Assert.True(list.TryAdd(_memory, Gpa.FromPage(8) + 8, 8));
        Assert.Equal((5, 48L), (list.Count, list.Bytes));
        list.Clear();
        Assert.Equal((0, 0L), (list.Count, list.Bytes));
        Assert.True(list.TryAdd(_memory, Gpa.FromPage(20), 8));
    }

    [Fact]
    public void List_that_was_advanced_to_its_end_takes_entries_again()
    {
        using var list = new IoVectorList(2, 2);
        list.TryAdd(_memory, Gpa.FromPage(0), 8);
        list.TryAdd(_memory, Gpa.FromPage(2), 8);
        list.Advance(16);
        Assert.True(list.TryAdd(_memory, Gpa.FromPage(4), 8));
        Assert.Equal((1, 8L), (list.Count, list.Bytes));
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 0)]
    [InlineData(4, 3)]
    public void Capacity_beyond_the_maximum_or_none_is_refused(int capacity, int maximum)
        => Assert.Throws<ArgumentOutOfRangeException>(() => new IoVectorList(capacity, maximum));

    /// <summary>Every split of a list at every byte: the front part by truncation and the rest by advancing are the whole.</summary>
    [Fact]
    public void Truncated_front_and_advanced_rest_are_the_whole()
    {
        int[] lengths = [1, 5, 8, 2];
        byte[] whole = [.. Enumerable.Range(1, 16).Select(i => (byte)i)];
        for (int cut = 0; cut <= 16; cut++)
        {
            using IoVectorList front = Build(lengths, whole);
            using IoVectorList rest = Build(lengths, whole);
            front.Truncate(cut);
            rest.Advance(cut);
            Assert.Equal((cut, 16 - cut), (front.Bytes, rest.Bytes));
            Assert.Equal(whole[..cut], Read(front));
            Assert.Equal(whole[cut..], Read(rest));
        }
    }

    [Fact]
    public void Short_transfers_and_a_cut_leave_the_middle()
    {
        byte[] whole = [.. Enumerable.Range(1, 16).Select(i => (byte)i)];
        using IoVectorList list = Build([4, 4, 4, 4], whole);
        list.Advance(3);
        list.Advance(2);
        list.Truncate(7);
        Assert.Equal(whole[5..12], Read(list));
        Assert.Equal(2, list.Count);
        list.Truncate(100);
        Assert.Equal(7, list.Bytes);
        list.Truncate(0);
        Assert.Equal((0, 0L), (list.Count, list.Bytes));
    }

    [Fact]
    public void Advance_and_truncate_refuse_bytes_that_are_not_there()
    {
        using IoVectorList list = Build([4, 4], new byte[8]);
        Assert.Throws<ArgumentOutOfRangeException>(() => list.Advance(9));
        Assert.Throws<ArgumentOutOfRangeException>(() => list.Advance(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => list.Truncate(-1));
        Assert.Equal(8, list.Bytes);
    }

    [Theory]
    [InlineData(0, 512, 512, true)]
    [InlineData(0, 512, 4096, false)]
    [InlineData(512, 4096, 512, true)]
    [InlineData(512, 4096, 4096, false)]
    [InlineData(1, 512, 512, false)]
    [InlineData(0, 511, 512, false)]
    [InlineData(3, 5, 1, true)]
    public void Alignment_concerns_addresses_and_lengths(int start, int bytes, int alignment, bool aligned)
    {
        using var list = new IoVectorList(4, 4);
        Assert.True(list.IsAligned(alignment));
        list.TryAdd(_memory, Gpa.FromPage(1), 4096);
        list.TryAdd(_memory, Gpa.FromPage(4) + (ulong)start, bytes);
        Assert.Equal(aligned, list.IsAligned(alignment));
    }

    [Fact]
    public void Copies_stop_at_the_shorter_side()
    {
        using IoVectorList list = Build([2, 3], [1, 2, 3, 4, 5]);
        Assert.Equal(3, list.CopyFrom([9, 8, 7]));
        Assert.Equal([9, 8, 7, 4, 5], Read(list));
        Assert.Equal(5, list.CopyFrom(new byte[8]));
        var four = new byte[] { 1, 1, 1, 1 };
        Assert.Equal(4, list.CopyTo(four));
        Assert.Equal(new byte[4], four);
        Assert.Equal(0, list.CopyTo([]));
    }

    [Fact]
    public void Disposed_list_refuses_entries()
    {
        var list = new IoVectorList(1, 4);
        list.TryAdd(_memory, new Gpa(0), 8);
        list.Dispose();
        list.Dispose();
        Assert.Equal((0, 0L), (list.Count, list.Bytes));
        Assert.Throws<ObjectDisposedException>(() => list.TryAdd(_memory, new Gpa(0), 8));
    }

    [Fact]
    public void Reuse_allocates_nothing()
    {
        using var list = new IoVectorList(1, 64);
        void Fill()
        {
            list.Clear();
            for (int i = 0; i < 64; i++) list.TryAdd(_memory, Gpa.FromPage((ulong)i * 2), 512);
            list.Truncate(20000);
            list.Advance(10000);
        }

        Fill();
        Assert.Equal(0, Allocations.LeastOf(() =>
        {
            for (int i = 0; i < 100; i++) Fill();
        }));
    }

    private static byte[] Read(IoVectorList list)
    {
        var bytes = new byte[32];
        return bytes[..list.CopyTo(bytes)];
    }

    private IoVectorList Build(int[] lengths, byte[] content)
    {
        var list = new IoVectorList(1, 16);
        for (int i = 0; i < lengths.Length; i++) Assert.True(list.TryAdd(_memory, Gpa.FromPage((ulong)(10 + (3 * i))), lengths[i]));
        Assert.Equal(lengths.Length, list.Count);
        Assert.Equal(content.Length, list.CopyFrom(content));
        return list;
    }
}
