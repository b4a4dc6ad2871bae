using VmBus.Protocol.DynamicMemory;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.DynamicMemory;

/// <summary>Holds the code against protocol-spec/dynamic-memory.md, and against bytes that are no message.</summary>
public sealed class DynamicMemoryPageTests
{
    private static readonly SpecPage Page = SpecPage.Load("dynamic-memory.md");

    [Fact]
    public void Message_types_are_those_of_the_page() => Assert.Empty(Page.Numbers("message-types").DifferencesFrom<DynamicMemoryMessageType>());

    [Fact]
    public void Header_lies_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("message");
        var bytes = new byte[0x0304];
        new DynamicMemoryHeader((DynamicMemoryMessageType)0x0102, 0x0304, 0x05060708).Write(bytes);
        Assert.Equal(DynamicMemoryHeader.Size, layout.Bytes);
        Assert.Equal(0x0102UL, layout.Read(bytes, "type"));
        Assert.Equal(0x0304UL, layout.Read(bytes, "bytes"));
        Assert.Equal(0x05060708UL, layout.Read(bytes, "transaction"));
        Assert.True(DynamicMemoryHeader.TryRead(bytes, out DynamicMemoryHeader header));
        Assert.Equal(new DynamicMemoryHeader((DynamicMemoryMessageType)0x0102, 0x0304, 0x05060708), header);
    }

    [Fact]
    public void Status_lies_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("status");
        Assert.Equal(MemoryStatus.Size, layout.Bytes);
        byte[] bytes = [.. Enumerable.Range(0, MemoryStatus.Size).Select(i => (byte)i)];
        Assert.True(MemoryStatus.TryRead(bytes, out MemoryStatus status));
        Assert.Equal(layout.Read(bytes, "available"), status.Available);
        Assert.Equal(layout.Read(bytes, "committed"), status.Committed);
    }

    [Theory]
    [InlineData(0UL, 1U)]
    [InlineData(0xFF_FFFF_FFFFUL, PageRange.MaximumPages)]
    public void Range_is_a_number_of_40_bits_and_a_count_of_24(ulong first, uint count)
    {
        var bytes = new byte[PageRange.Size];
        new PageRange(first, count).Write(bytes);
        Assert.Equal(first | ((ulong)count << 40), BitConverter.ToUInt64(bytes));
        Assert.Equal(new PageRange(first, count), PageRange.Read(bytes));
    }

    [Theory]
    [InlineData(0UL, DynamicMemoryCapabilities.None, 128L << 20)]
    [InlineData(0x1FUL, DynamicMemoryCapabilities.Balloon | DynamicMemoryCapabilities.HotAdd, 128L << 20)]
    [InlineData(0x2EUL, DynamicMemoryCapabilities.HotAdd, 2048L << 20)]
    [InlineData(0x3DUL, DynamicMemoryCapabilities.Balloon, 32768L << 20)]
    public void Capabilities_name_the_blocks_of_new_memory(ulong word, DynamicMemoryCapabilities expected, long blockBytes)
    {
        var bytes = new byte[DynamicMemoryMessages.CapabilitiesSize];
        BitConverter.TryWriteBytes(bytes.AsSpan(8), word);
        Assert.True(DynamicMemoryMessages.TryReadCapabilities(bytes, out DynamicMemoryCapabilities capabilities, out long block));
        Assert.Equal((expected, blockBytes), (capabilities, block));
    }

    [Fact]
    public void Short_messages_and_lengths_that_are_not_there_are_refused()
    {
        for (int length = 0; length < DynamicMemoryHeader.Size; length++) Assert.False(DynamicMemoryHeader.TryRead(new byte[length], out _));
        Assert.False(DynamicMemoryHeader.TryRead([1, 0, 7, 0, 0, 0, 0, 0], out _));
        Assert.False(DynamicMemoryHeader.TryRead([1, 0, 9, 0, 0, 0, 0, 0], out _));
        Assert.False(DynamicMemoryMessages.TryReadVersion(new byte[15], out _, out _));
        Assert.False(DynamicMemoryMessages.TryReadCapabilities(new byte[31], out _, out _));
        Assert.False(DynamicMemoryMessages.TryReadHotAdd(new byte[15], out _, out _));
        Assert.False(DynamicMemoryMessages.TryReadRanges(new byte[15], out _, out _));
        Assert.False(MemoryStatus.TryRead(new byte[47], out _));
        var ranges = new byte[16 + 15];
        ranges[12] = 2 << 1;
        Assert.False(DynamicMemoryMessages.TryReadRanges(ranges, out _, out _));
        ranges.AsSpan(12, 4).Fill(0xFF);
        Assert.False(DynamicMemoryMessages.TryReadRanges(ranges, out _, out _));
    }
}
