using VmBus.Memory.Guest;
using Xunit;

namespace VmBus.Memory.Tests.Guest;

/// <summary>Guest addresses are translated only when every byte is RAM, around the hole under 4 GiB too.</summary>
public sealed class GuestMemoryTests
{
    private const ulong Page = 4096;
    private const ulong Low = GuestMemory.LowMemoryEnd;
    private const ulong High = GuestMemory.HighMemoryStart;

    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL)]
    [InlineData(4095UL)]
    [InlineData(4097UL)]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 63)]
    public void Size_that_is_no_positive_multiple_of_a_page_is_refused(ulong bytes)
        => Assert.Throws<ArgumentOutOfRangeException>(() => GuestMemory.Create(bytes));

    [Theory]
    [InlineData(0UL, 1UL, true)]
    [InlineData(0UL, 16 * Page, true)]
    [InlineData(0UL, 16 * Page + 1, false)]
    [InlineData(16 * Page - 1, 1UL, true)]
    [InlineData(16 * Page - 1, 2UL, false)]
    [InlineData(16 * Page, 1UL, false)]
    [InlineData(1UL, ulong.MaxValue, false)]
    [InlineData(ulong.MaxValue, 1UL, false)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, false)]
    [InlineData(High, 1UL, false)]
    public void Small_memory_contains_its_bytes_only(ulong start, ulong bytes, bool contained)
    {
        using var memory = GuestMemory.Create(16 * Page);
        Assert.Equal(contained, memory.Contains(new Gpa(start), bytes));
        Assert.Equal(contained, memory.TryGetHostAddress(new Gpa(start), bytes, out nint address));
        Assert.Equal(contained, address != 0);
        Assert.Equal(contained, memory.TryGetFileOffset(new Gpa(start), bytes, out _));
        Assert.Single(memory.Regions);
    }

    // The kernel maps 2 MiB at once only where address and file offset agree in their low 21 bits, in the process and in the guest.
    [Theory]
    [InlineData(16 * Page)]
    [InlineData(512 * Page)]
    [InlineData(Low + 2 * Page)]
    public void Addresses_agree_with_file_and_guest_up_to_a_huge_page(ulong bytes)
    {
        using var memory = GuestMemory.Create(bytes);
        foreach (MemoryRegion region in memory.Regions)
        {
            Assert.Equal(0UL, ((ulong)region.HostAddress ^ (ulong)region.FileOffset) % (2 << 20));
            Assert.Equal(0UL, ((ulong)region.HostAddress ^ region.Start.Value) % (2 << 20));
        }
    }

    // RAM of 3 GiB and 2 pages: two pages above the hole. Pages are taken from the host only when touched.
    [Theory]
    [InlineData(Low - 1, 1UL, true)]
    [InlineData(Low - 1, 2UL, false)]
    [InlineData(Low, 1UL, false)]
    [InlineData(High - 1, 1UL, false)]
    [InlineData(High - 1, 2UL, false)]
    [InlineData(High, 2 * Page, true)]
    [InlineData(High, 2 * Page + 1, false)]
    [InlineData(High + 2 * Page - 1, 1UL, true)]
    [InlineData(High + 2 * Page, 1UL, false)]
    [InlineData(0UL, Low, true)]
    [InlineData(0UL, Low + 1, false)]
    [InlineData(Low - Page, High - Low + 2 * Page, false)]
    [InlineData(ulong.MaxValue - Page, 2 * Page, false)]
    public void Hole_and_ends_are_not_memory(ulong start, ulong bytes, bool contained)
    {
        using var memory = GuestMemory.Create(Low + 2 * Page);
        Assert.Equal(contained, memory.Contains(new Gpa(start), bytes));
    }

    [Fact]
    public void Regions_describe_both_runs()
    {
        using var memory = GuestMemory.Create(Low + 2 * Page);
        Assert.Equal(2, memory.Regions.Count);
        Assert.Equal((new Gpa(0), Low, 0L), (memory.Regions[0].Start, memory.Regions[0].Bytes, memory.Regions[0].FileOffset));
        Assert.Equal((new Gpa(High), 2 * Page, (long)Low), (memory.Regions[1].Start, memory.Regions[1].Bytes, memory.Regions[1].FileOffset));
        Assert.True(memory.TryGetHostAddress(new Gpa(High), 1, out nint address));
        Assert.Equal(memory.Regions[1].HostAddress, address);
        Assert.True(memory.TryGetFileOffset(new Gpa(High + 5), 1, out long offset));
        Assert.Equal((long)Low + 5, offset);
    }

    [Fact]
    public void Memory_up_to_the_hole_has_one_region()
    {
        using var memory = GuestMemory.Create(Low);
        Assert.Single(memory.Regions);
        Assert.False(memory.Contains(new Gpa(High), 1));
    }

    [Fact]
    public void Bytes_written_above_the_hole_are_read_back_and_nothing_below_changes()
    {
        using var memory = GuestMemory.Create(Low + 2 * Page);
        Assert.True(memory.TryWrite(new Gpa(High + 4090), [1, 2, 3, 4, 5, 6, 7, 8]));
        var read = new byte[8];
        Assert.True(memory.TryRead(new Gpa(High + 4090), read));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], read);
        Assert.True(memory.TryRead(new Gpa(Low - 8), read));
        Assert.Equal(new byte[8], read);
    }

    [Fact]
    public void Refused_access_touches_nothing()
    {
        using var memory = GuestMemory.Create(Page);
        byte[] bytes = [1, 2, 3, 4];
        Assert.False(memory.TryWrite(new Gpa(Page - 2), bytes));
        Assert.False(memory.TryRead(new Gpa(Page - 2), bytes));
        Assert.Equal([1, 2, 3, 4], bytes);
        var end = new byte[2];
        Assert.True(memory.TryRead(new Gpa(Page - 2), end));
        Assert.Equal(new byte[2], end);
    }

    [Fact]
    public void Discard_zeroes_all_memory()
    {
        using var memory = GuestMemory.Create(4 * Page);
        memory.TryWrite(new Gpa(0), [1]);
        memory.TryWrite(new Gpa(4 * Page - 1), [1]);
        memory.Discard();
        var read = new byte[4 * Page];
        Assert.True(memory.TryRead(new Gpa(0), read));
        Assert.Equal(-1, read.AsSpan().IndexOfAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(0UL, 0UL)]
    [InlineData(1UL, 4096UL)]
    [InlineData((1UL << 52) - 1, 0xFFFF_FFFF_FFFF_F000UL)]
    [InlineData(1UL << 52, ulong.MaxValue)]
    [InlineData(ulong.MaxValue, ulong.MaxValue)]
    public void Page_numbers_become_addresses_without_wrapping(ulong page, ulong address) => Assert.Equal(address, Gpa.FromPage(page).Value);

    [Theory]
    [InlineData(1ul << 52, 0ul)]
    [InlineData(1ul << 52, 1ul)]
    [InlineData((1ul << 52) - 1, 4096ul)]
    [InlineData(1ul << 63, 4095ul)]
    [InlineData(ulong.MaxValue, 4095ul)]
    [InlineData(1ul, ulong.MaxValue)]
    public void Offset_behind_a_page_beyond_all_memory_does_not_wrap_into_ram(ulong page, ulong offset)
    {
        using var memory = GuestMemory.Create(64 * Gpa.PageBytes);
        Gpa address = Gpa.FromPage(page) + offset;
        Assert.Equal(ulong.MaxValue, address.Value);
        Assert.False(memory.Contains(address, 1));
        Assert.False(memory.Contains(address, Gpa.PageBytes));
    }

    [Theory]
    [InlineData(16 * Page, 0x1_0000_0000UL)]
    [InlineData(Low, 0x1_0000_0000UL)]
    [InlineData(Low + Page, 0x1_8000_0000UL)]
    [InlineData(Low + (2UL << 30), 0x1_8000_0000UL)]
    [InlineData(Low + (2UL << 30) + Page, 0x2_0000_0000UL)]
    public void Room_to_grow_begins_at_two_gigabytes_above_all_ram(ulong bytes, ulong start)
    {
        using var memory = GuestMemory.Create(bytes, 4 * Page);
        Assert.Equal(start, memory.GrowthStart.Value);
        Assert.Equal((bytes, 4 * Page), (memory.Bytes, memory.GrowthBytes));
        Assert.False(memory.Contains(memory.GrowthStart, 1));
    }

    [Fact]
    public void Memory_that_was_added_is_ram_until_it_is_taken_and_reads_as_zero_when_it_comes_again()
    {
        using var memory = GuestMemory.Create(16 * Page, 4 * Page);
        MemoryRegion first = memory.TryAdd(Page)!.Value;
        MemoryRegion second = memory.TryAdd(2 * Page)!.Value;
        Assert.Equal((memory.GrowthStart, Page, (long)(16 * Page)), (first.Start, first.Bytes, first.FileOffset));
        Assert.Equal((memory.GrowthStart + Page, 2 * Page), (second.Start, second.Bytes));
        Assert.Null(memory.TryAdd(2 * Page));
        Assert.Null(memory.TryAdd(1));
        Assert.Null(memory.TryAdd(0));
        Assert.Equal(3 * Page, memory.AddedBytes);
        Assert.True(memory.Contains(memory.GrowthStart, 3 * Page));
        Assert.False(memory.Contains(memory.GrowthStart, 3 * Page + 1));
        Assert.True(memory.TryWrite(second.Start, [1, 2, 3]));
        Assert.True(memory.TryGetHostAddress(second.Start, 1, out nint address));
        Assert.Equal(second.HostAddress, address);

        memory.TakeAdded(2 * Page);
        Assert.False(memory.TryWrite(second.Start, [1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.TakeAdded(2 * Page));
        Assert.Equal(second, memory.TryAdd(2 * Page));
        byte[] read = [9, 9, 9];
        Assert.True(memory.TryRead(second.Start, read));
        Assert.Equal([0, 0, 0], read);
    }

    [Fact]
    public void Pages_that_are_given_back_read_as_zero_and_the_host_has_them()
    {
        using var memory = GuestMemory.Create(16 * Page);
        Assert.True(memory.TryWrite(new Gpa(Page), [1]));
        Assert.True(memory.TryWrite(new Gpa(2 * Page), [2]));
        Assert.True(memory.TryDiscard(new Gpa(Page), Page));
        byte[] read = [9];
        Assert.True(memory.TryRead(new Gpa(Page), read));
        Assert.Equal(0, read[0]);
        Assert.True(memory.TryRead(new Gpa(2 * Page), read));
        Assert.Equal(2, read[0]);
        Assert.False(memory.TryDiscard(new Gpa(15 * Page), 2 * Page));
    }
}
