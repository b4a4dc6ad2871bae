using VmBus.Memory.Guest;
using Xunit;

namespace VmBus.Memory.Tests.Guest;

/// <summary>Buffers on scattered pages: offsets find their page, and nothing outside is reached.</summary>
public sealed class GuestRegionTests : IDisposable
{
    private readonly GuestMemory _memory = GuestMemory.Create(64 * Gpa.PageBytes);

    public void Dispose() => _memory.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(4095)]
    public void Bytes_written_at_any_offset_lie_on_the_page_of_that_offset(int firstByte)
    {
        GuestRegion region = Scattered(firstByte);
        var bytes = new byte[region.Bytes];
        new Random(1).NextBytes(bytes);
        Assert.True(region.TryWrite(0, bytes));
        ulong[] pages = [40, 10, 11, 20];
        for (int i = 0; i < bytes.Length; i++)
        {
            int position = firstByte + i;
            var one = new byte[1];
            Assert.True(_memory.TryRead(Gpa.FromPage(pages[position / 4096]) + (ulong)(position % 4096), one));
            Assert.Equal(bytes[i], one[0]);
        }

        var back = new byte[5000];
        Assert.True(region.TryRead(3000, back));
        Assert.Equal(bytes.AsSpan(3000, 5000).ToArray(), back);
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, 12001)]
    [InlineData(12000, 1)]
    [InlineData(11999, 2)]
    [InlineData(long.MaxValue, 1)]
    [InlineData(long.MinValue, 1)]
    public void Range_that_is_not_inside_is_refused_whole(long offset, int bytes)
    {
        GuestRegion region = Scattered(100);
        using var list = new IoVectorList(8, 8);
        var filled = new byte[bytes];
        Array.Fill<byte>(filled, 7);
        Assert.False(region.TryWrite(offset, filled));
        Assert.False(region.TryRead(offset, filled));
        Assert.False(region.TryAddTo(list, offset, bytes));
        Assert.All(filled, value => Assert.Equal(7, value));
        Assert.Equal(0, list.Count);
        var all = new byte[12000];
        Assert.True(region.TryRead(0, all));
        Assert.All(all, value => Assert.Equal(0, value));
    }

    [Fact]
    public void Negative_length_is_refused()
    {
        using var list = new IoVectorList(8, 8);
        Assert.False(Scattered(0).TryAddTo(list, 8, -8));
        Assert.False(Scattered(0).Contains(8, -8));
    }

    [Fact]
    public void Range_becomes_one_entry_for_each_run_of_pages()
    {
        GuestRegion region = Scattered(4095);
        using var list = new IoVectorList(1, 8);
        Assert.True(region.TryAddTo(list, 0, 12000));
        Assert.Equal((3, 12000), (list.Count, list.Bytes));
        _ = list.CopyFrom([1, 2, 3]);
        var bytes = new byte[3];
        Assert.True(region.TryRead(0, bytes));
        Assert.Equal([1, 2, 3], bytes);
    }

    [Fact]
    public void List_that_is_too_short_keeps_what_it_had()
    {
        GuestRegion region = Scattered(4095);
        using var list = new IoVectorList(1, 2);
        Assert.True(_memory.Contains(new Gpa(0), 8) && list.TryAdd(_memory, new Gpa(0), 8));
        Assert.False(region.TryAddTo(list, 0, 12000));
        Assert.Equal((1, 8), (list.Count, list.Bytes));
    }

    [Fact]
    public void Pages_that_are_missing_or_not_ram_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new GuestRegion(_memory, 1, 4096, [new PageRun(1, 1)]));
        Assert.Throws<ArgumentException>(() => new GuestRegion(_memory, 0, 4096, [new PageRun(64, 1)]));
        Assert.Throws<ArgumentException>(() => new GuestRegion(_memory, 0, 4096, [new PageRun(ulong.MaxValue, 1)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GuestRegion(_memory, 4096, 1, [new PageRun(1, 2)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GuestRegion(_memory, 0, 0, [new PageRun(1, 1)]));
    }

    // Four pages, the second and third in a row: 12000 bytes from firstByte on.
    private GuestRegion Scattered(int firstByte) => new(_memory, firstByte, 12000, [new PageRun(40, 1), new PageRun(10, 2), new PageRun(20, 1)]);
}
