using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Native.Linux;
using VmBus.Protocol.Ring;
using VmBus.TestKit.Rings;
using Xunit;

namespace VmBus.Memory.Tests.Rings;

/// <summary>A ring is mapped from exactly the pages the guest named, data twice, or not at all.</summary>
public sealed class RingMappingTests
{
    [Fact]
    public void Scattered_pages_appear_in_their_order_and_twice()
    {
        using var memory = GuestMemory.Create(64 * 4096);
        Mark(memory, 40, 1);
        Mark(memory, 10, 2);
        Mark(memory, 11, 3);
        Mark(memory, 5, 4);

        Assert.True(RingMapping.TryMap(memory, [new PageRun(40, 1), new PageRun(10, 2), new PageRun(5, 1)], out RingMapping? ring));
        using (ring)
        {
            Assert.Equal(3 * 4096, ring!.DataBytes);
            Assert.Equal(1u, ring.ReadControl().WriteIndex);
            var bytes = new byte[3 * 4096];
            ring.CopyOut(2 * 4096, bytes);
            Assert.Equal([4, 2, 3], new[] { bytes[0], bytes[4096], bytes[2 * 4096] });
        }
    }

    [Fact]
    public void Control_page_at_the_head_of_a_run_is_not_data()
    {
        using var memory = GuestMemory.Create(16 * 4096);
        Mark(memory, 2, 1);
        Mark(memory, 3, 2);
        Assert.True(RingMapping.TryMap(memory, [new PageRun(2, 2)], out RingMapping? ring));
        using (ring)
        {
            var bytes = new byte[1];
            ring!.CopyOut(0, bytes);
            Assert.Equal(2, bytes[0]);
            ring.CopyOut(4095, new byte[4096]);
        }
    }

    [Fact]
    public void Writes_through_one_mapping_are_seen_by_the_guest()
    {
        using var memory = GuestMemory.Create(16 * 4096);
        RingMapping.TryMap(memory, [new PageRun(3, 1), new PageRun(7, 1)], out RingMapping? ring);
        using (ring)
        {
            byte[] bytes = [1, 2, 3, 4];
            bytes.CopyTo(ring!.Data(4094, 4));
        }

        var end = new byte[2];
        var start = new byte[2];
        Assert.True(memory.TryRead(new Gpa(7 * 4096 + 4094), end));
        Assert.True(memory.TryRead(new Gpa(7 * 4096), start));
        Assert.Equal([1, 2], end);
        Assert.Equal([3, 4], start);
    }

    [Fact]
    public void Mapping_outlives_the_guest_memory_object()
    {
        var memory = GuestMemory.Create(16 * 4096);
        Mark(memory, 1, 9);
        RingMapping.TryMap(memory, [new PageRun(1, 2)], out RingMapping? ring);
        memory.Dispose();
        using (ring) Assert.Equal(9u, ring!.ReadControl().WriteIndex);
    }

    public static TheoryData<string, (ulong Page, int Count)[]> BadPages => new()
    {
        { "none", [] },
        { "only the control page", [(1, 1)] },
        { "empty run", [(1, 1), (2, 0)] },
        { "negative run", [(1, 3), (2, -1)] },
        { "beyond RAM", [(1, 1), (16, 1)] },
        { "ends beyond RAM", [(15, 2)] },
        { "page number that overflows", [(1, 1), (ulong.MaxValue, 1)] },
        { "page number of 2^52", [(1UL << 52, 2)] },
        { "run of all pages", [(0, int.MaxValue)] },
        { "sum that overflows", [(0, RingMapping.MaximumPages), (0, int.MaxValue)] },
    };

    [Theory]
    [MemberData(nameof(BadPages))]
    public void Bad_pages_are_refused(string what, (ulong Page, int Count)[] runs)
    {
        using var memory = GuestMemory.Create(16 * 4096);
        Assert.False(RingMapping.TryMap(memory, [.. runs.Select(run => new PageRun(run.Page, run.Count))], out RingMapping? ring), what);
        Assert.Null(ring);
    }

    [Fact]
    public void Limits_of_runs_and_pages_are_exact()
    {
        using var memory = GuestMemory.Create((RingMapping.MaximumPages + 1UL) * 4096);
        PageRun[] runs = [.. Enumerable.Range(0, RingMapping.MaximumRuns).Select(i => new PageRun((ulong)i * 2, 1))];
        Assert.True(RingMapping.TryMap(memory, runs, out RingMapping? ring));
        ring!.Dispose();
        Assert.False(RingMapping.TryMap(memory, [.. runs, new PageRun(1, 1)], out _));

        Assert.True(RingMapping.TryMap(memory, [new PageRun(0, RingMapping.MaximumPages)], out ring));
        ring!.Dispose();
        Assert.False(RingMapping.TryMap(memory, [new PageRun(0, RingMapping.MaximumPages + 1)], out _));
    }

    [Fact]
    public void File_ring_stays_inside_the_file()
    {
        using var file = MemoryFile.Create("vmbus-test-ring", 4 * 4096);
        Assert.True(RingMapping.TryMap(file, 4096, 3, out RingMapping? ring));
        Assert.Equal(2 * 4096, ring!.DataBytes);
        ring.Dispose();
        Assert.False(RingMapping.TryMap(file, 4096, 4, out _));
        Assert.False(RingMapping.TryMap(file, -4096, 2, out _));
        Assert.False(RingMapping.TryMap(file, 1, 2, out _));
        Assert.False(RingMapping.TryMap(file, 0, 1, out _));
        Assert.False(RingMapping.TryMap(file, long.MaxValue, 2, out _));
        Assert.False(RingMapping.TryMap(file, 0, int.MaxValue, out _));
    }

    [Fact]
    public void Ring_of_an_open_file_is_shared_with_the_memory_file()
    {
        using var file = MemoryFile.Create("vmbus-test-ring", 2 * 4096);
        using var again = File.OpenHandle($"/proc/self/fd/{file.Descriptor}", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        Assert.True(RingMapping.TryMap(file, 0, 2, out RingMapping? one));
        Assert.True(RingMapping.TryMap(again, 0, 2, out RingMapping? other));
        Assert.False(RingMapping.TryMap(again, 0, 3, out _));
        using (one)
        using (other)
        {
            one!.Store(RingControlPage.WriteIndex, 8);
            Assert.Equal(8u, other!.ReadControl().WriteIndex);
        }
    }

    [Fact]
    public void Initialize_leaves_the_control_page_of_a_new_ring()
    {
        using RingPeer guest = RingPeer.Create();
        foreach (int word in new[] { 0, 4, 8, 12, 64 }) guest.PokeOutbound(word, 0xFFFF_FFFF);
        guest.Outbound.Initialize();
        Assert.Equal(new RingControl(0, 0, 0, 0, 1), guest.Outbound.ReadControl());
    }

    [Fact]
    public void Access_outside_the_data_is_an_exception()
    {
        using RingPeer guest = RingPeer.Create(2);
        Assert.Throws<ArgumentOutOfRangeException>(() => guest.Outbound.CopyOut(4096, new byte[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => guest.Outbound.CopyOut(0, new byte[4097]));
    }

    [Fact]
    public void Fill_is_told_over_the_end_of_the_ring_and_not_after_it_is_given_up_or_for_an_index_that_cannot_be()
    {
        using var memory = GuestMemory.Create(16 * 4096);
        Assert.True(RingMapping.TryMap(memory, [new PageRun(2, 3)], out RingMapping? ring));
        foreach ((uint write, uint read, int? fill) in new (uint, uint, int?)[]
        {
            (0, 0, 0), (64, 0, 64), (16, 8176, 32), (8192, 8184, 8), (8200, 0, null), (4, 0, null), (0, 0xFFFF_FFF8, null),
        })
        {
            ring!.Store(RingControlPage.WriteIndex, write);
            ring.Store(RingControlPage.ReadIndex, read);
            Assert.Equal(fill is { } bytes ? new RingFill(bytes, 8192) : null, ring.TryReadFill());
        }

        ring!.Dispose();
        Assert.Null(ring.TryReadFill());
    }

    private static void Mark(GuestMemory memory, ulong page, byte value) => Assert.True(memory.TryWrite(Gpa.FromPage(page), [value]));
}
