using VmBus.Memory.Guest;
using VmBus.Memory.Synic;
using VmBus.Native.Linux;
using VmBus.TestKit.SpecTables;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Memory.Tests.Synic;

/// <summary>The bits of a monitor page, held against the page's layout.</summary>
public sealed class MonitorTriggerTests : IDisposable
{
    private static readonly Gpa Page = new(3 * Gpa.PageBytes);

    private readonly GuestMemory _memory = GuestMemory.Create(1 << 20);

    public void Dispose() => _memory.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(127)]
    public void Bit_of_an_id_lies_where_the_page_says_and_is_taken_once(int id)
    {
        Assert.True(MonitorTrigger.TryOpen(_memory, Page, id, out MonitorTrigger host));
        Assert.False(host.TryTake());
        using MemoryMapping mapped = MemoryMapping.Map(_memory.File, (long)Page.Value, Gpa.PageBytes);
        var guest = MonitorTrigger.Of(mapped, id);
        guest.Set();
        guest.Set();
        byte[] bytes = new byte[Gpa.PageBytes];
        Assert.True(_memory.TryRead(Page, bytes));
        int offset = SpecPage.Load("synic.md").Layout("monitor-page").Offset($"pending of group {id / 32}");
        Assert.Equal(1u << (id % 32), ReadUInt32LittleEndian(bytes.AsSpan(offset)));
        Assert.True(host.TryTake());
        Assert.False(host.TryTake());
        Assert.True(_memory.TryRead(Page, bytes));
        Assert.All(bytes, static value => Assert.Equal(0, value));
    }

    [Fact]
    public void Taking_a_bit_leaves_its_neighbours()
    {
        Assert.True(MonitorTrigger.TryOpen(_memory, Page, 5, out MonitorTrigger one));
        Assert.True(MonitorTrigger.TryOpen(_memory, Page, 6, out MonitorTrigger other));
        one.Set();
        other.Set();
        Assert.True(one.TryTake());
        Assert.True(other.TryTake());
    }

    [Theory]
    [InlineData(0x1234UL)]
    [InlineData(1UL << 20)]
    [InlineData(ulong.MaxValue - 4095)]
    public void Page_that_is_not_ram_or_not_a_page_is_refused(ulong page) => Assert.False(MonitorTrigger.TryOpen(_memory, new Gpa(page), 0, out _));

    [Theory]
    [InlineData(-1)]
    [InlineData(128)]
    public void Id_beyond_the_page_is_refused(int id) => Assert.Throws<ArgumentOutOfRangeException>(() => MonitorTrigger.TryOpen(_memory, Page, id, out _));
}
