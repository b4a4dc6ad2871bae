using VmBus.Protocol.Channel;
using VmBus.Protocol.Pcapng;
using VmBus.Protocol.Tracing;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Tracing;

/// <summary>Holds the records of traces against protocol-spec/trace.md.</summary>
public sealed class TracePageTests
{
    private static readonly SpecPage Page = SpecPage.Load("trace.md");

    [Fact]
    public void Numbers_are_those_of_the_page()
    {
        Assert.Empty(Page.Numbers("kinds").DifferencesFrom<TraceKind>());
        Assert.Empty(Page.Numbers("directions").DifferencesFrom<TraceDirection>());
        Assert.Empty(Page.Numbers("moments").DifferencesFrom<RingMoment>());
    }

    [Fact]
    public void Header_is_laid_out_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("record");
        Assert.Equal(TraceHeader.Size, layout.Bytes);
        var type = Guid.NewGuid();
        var header = new TraceHeader(TraceKind.Packet, TraceDirection.FromHost, 0x01020304, 0x0506, (OfferFlags)0x0708, new ProtocolVersion(0x090A0B0C), type);
        byte[] bytes = new byte[TraceHeader.Size];
        header.Write(bytes);
        Assert.Equal(
            [1, 2, 2, 0, 0x01020304, 0x0506, 0x0708, 0x090A0B0C],
            new[] { "format", "kind", "direction", "reserved", "channel id", "subchannel index", "offer flags", "version" }.Select(field => layout.Read(bytes, field)));
        Assert.Equal(type, new Guid(layout.Slice(bytes, "interface type")));
        Assert.True(TraceHeader.TryRead(bytes, out TraceHeader read));
        Assert.Equal(header, read);
        Assert.False(TraceHeader.TryRead(bytes.AsSpan(1), out _));
        bytes[0] = 2;
        Assert.False(TraceHeader.TryRead(bytes, out _));
    }

    [Fact]
    public void Channel_is_laid_out_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("channel");
        Assert.Equal(TracedChannel.Size, layout.Bytes);
        var channel = new TracedChannel(Guid.NewGuid(), 0x01020304, 0x05060708);
        byte[] bytes = new byte[TracedChannel.Size];
        channel.Write(bytes);
        Assert.Equal(channel.InterfaceInstance, new Guid(layout.Slice(bytes, "interface instance")));
        Assert.Equal((0x01020304ul, 0x05060708ul), (layout.Read(bytes, "connection id"), layout.Read(bytes, "state")));
        Assert.True(TracedChannel.TryRead(bytes, out TracedChannel read));
        Assert.Equal(channel, read);
        Assert.False(TracedChannel.TryRead(bytes.AsSpan(1), out _));
    }

    [Fact]
    public void Rings_are_laid_out_as_the_page_says()
    {
        SpecLayout layout = Page.Layout("rings");
        Assert.Equal(TracedRings.Size, layout.Bytes);
        var rings = new TracedRings((RingMoment)101, 102, 103, new TracedWords(104, 105, 106, 107, 108), new TracedWords(109, 110, 111, 112, 113), 114, 115, 116);
        byte[] bytes = new byte[TracedRings.Size];
        rings.Write(bytes);
        string[] fields =
        [
            "moment", "from guest bytes", "to guest bytes", "from guest write index", "from guest read index", "from guest interrupt mask", "from guest pending send size",
            "from guest feature bits", "to guest write index", "to guest read index", "to guest interrupt mask", "to guest pending send size", "to guest feature bits",
            "host read index", "host write index", "host pending send size",
        ];
        Assert.Equal(Enumerable.Range(101, 16).Select(static value => (ulong)value), fields.Select(field => layout.Read(bytes, field)));
        Assert.True(TracedRings.TryRead(bytes, out TracedRings read));
        Assert.Equal(rings, read);
        Assert.False(TracedRings.TryRead(bytes.AsSpan(1), out _));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(61)]
    public void Packet_block_is_read_back_whatever_its_length(int extra)
    {
        byte[] block = new byte[PcapngBlock.PacketOverheadBytes + TraceHeader.Size + extra];
        Array.Fill(block, (byte)0xCC);
        new TraceHeader(TraceKind.Message, TraceDirection.FromGuest, 3, 0, OfferFlags.None, ProtocolVersion.V5_3, default).Write(block.AsSpan(PcapngBlock.PacketHeaderBytes));
        int bytes = PcapngBlock.FinishPacket(block, 0, 0x1122334455667788, TraceHeader.Size + extra, TraceHeader.Size + 100, isOutbound: true, lost: 7);
        Assert.InRange(bytes, 0, block.Length);
        Assert.True(PcapngReader.TryReadHead(block, block.Length, out uint type, out int length));
        Assert.Equal((PcapngBlock.PacketType, bytes), (type, length));
        Assert.True(PcapngReader.TryReadPacket(block.AsSpan(0, bytes), out PcapngPacket packet));
        Assert.Equal((0x1122334455667788ul, true, 7ul), (packet.Nanoseconds, packet.IsOutbound, packet.Lost));
        TraceRecord record = TraceRecord.Read(block.AsSpan(0, bytes))!;
        Assert.Equal((3u, 100, extra), (record.Header.ChannelId, record.OriginalBytes, record.Body.Length));
        Assert.All(record.Body.ToArray(), static value => Assert.Equal(0xCC, value));
    }

    [Fact]
    public void Blocks_that_make_no_sense_are_refused_without_an_exception()
    {
        var random = new Random(1);
        byte[] file = new byte[4096];
        for (int round = 0; round < 20_000; round++)
        {
            byte[] block = file.AsSpan(0, random.Next(0, 200)).ToArray();
            random.NextBytes(block);
            // Half of them begin as packets and counts do, with a length that is right.
            if (block.Length >= 8 && round % 2 == 0)
            {
                BitConverter.TryWriteBytes(block, round % 4 == 0 ? PcapngBlock.PacketType : PcapngBlock.StatisticsType);
                BitConverter.TryWriteBytes(block.AsSpan(4), block.Length);
            }

            if (block.Length >= 28 && round % 8 == 0) BitConverter.TryWriteBytes(block.AsSpan(20), random.Next(0, 64));
            _ = TraceRecord.Read(block);
            _ = TraceRecord.ReadAll(block, out _);
            _ = PcapngReader.TryReadLost(block, out _);
        }
    }
}
