using VmBus.Protocol.VhostUser;
using VmBus.Protocol.Virtio;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Virtio;

/// <summary>Code and protocol-spec/virtio.md say the same.</summary>
public sealed class VirtioPageTests
{
    private static readonly SpecPage Page = SpecPage.Load("virtio.md"), VhostUser = SpecPage.Load("vhost-user.md");

    [Fact]
    public void Feature_bits_are_the_pages() => Assert.Empty(
        Page.Numbers("features").DifferencesFrom<VirtioFeatures>()
            .Concat(Page.Numbers("block").DifferencesFrom<BlockFeatures>())
            .Concat(Page.Numbers("network").DifferencesFrom<NetFeatures>())
            .Concat(Page.Numbers("scsi").DifferencesFrom<VirtioScsiFeatures>())
            .Concat(Page.Numbers("balloon").DifferencesFrom<BalloonFeatures>())
            .Concat(Page.Numbers("console").DifferencesFrom<ConsoleFeatures>())
            .Concat(Page.Numbers("sockets").DifferencesFrom<VsockFeatures>())
            .Concat(Page.Numbers("control-commands").DifferencesFrom<NetControlCommand>()));

    [Fact]
    public void Messages_and_protocol_features_are_the_pages() => Assert.Empty(
        VhostUser.Numbers("messages").DifferencesFrom<VhostUserRequest>().Concat(VhostUser.Numbers("protocol-features").DifferencesFrom<VhostUserFeatures>()));

    [Fact]
    public void Block_configuration_is_written_where_the_page_has_it()
    {
        SpecLayout layout = Page.Layout("block-configuration");
        byte[] bytes = new byte[BlockConfig.Size];
        var config = new BlockConfig
        {
            MaximumSegmentBytes = 1000,
            Sectors = 0x0102_0304_0506_0708,
            MaximumSegments = 1001,
            BlockBytes = 1002,
            PhysicalBlockExponent = 13,
            MinimumIoBlocks = 1004,
            OptimalIoBlocks = 1005,
            WriteBack = 16,
            QueueCount = 1007,
            MaximumDiscardSectors = 1008,
            MaximumDiscardSegments = 1009,
            DiscardAlignmentSectors = 1010,
            MaximumZeroSectors = 1011,
            MaximumZeroSegments = 1012,
            ZeroMayUnmap = 113,
        };
        config.Write(bytes);
        Assert.True(BlockConfig.TryRead(bytes, out BlockConfig read));
        Assert.Equal(config, read);
        Assert.False(BlockConfig.TryRead(bytes.AsSpan(1), out _));
        Assert.Equal(BlockConfig.Size, layout.Bytes);
        Assert.Equal(BlockConfig.WriteBackOffset, layout.Offset("write back"));
        Assert.Equal(0x0102_0304_0506_0708UL, layout.Read(bytes, "sectors"));
        Assert.Equal(
            [1000, 1001, 1002, 13, 1004, 1005, 16, 1007, 1008, 1009, 1010, 1011, 1012, 113],
            new[]
            {
                "maximum segment bytes", "maximum segments", "block bytes", "physical block exponent", "minimum io blocks", "optimal io blocks", "write back", "queue count",
                "maximum discard sectors", "maximum discard segments", "discard alignment sectors", "maximum zero sectors", "maximum zero segments", "zero may unmap",
            }.Select(field => (int)layout.Read(bytes, field)));
    }

    [Fact]
    public void Network_configuration_is_written_where_the_page_has_it()
    {
        SpecLayout layout = Page.Layout("network-configuration");
        byte[] bytes = new byte[NetConfig.Size];
        new NetConfig(0x0605_0403_0201, 0x1112, 0x2122, 0x3132).Write(bytes);
        Assert.Equal(NetConfig.Size, layout.Bytes);
        Assert.Equal([1, 2, 3, 4, 5, 6], layout.Slice(bytes, "address").ToArray());
        Assert.Equal(
            (0x1112UL, 0x2122UL, 0x3132UL), (layout.Read(bytes, "status"), layout.Read(bytes, "maximum pairs"), layout.Read(bytes, "mtu")));
    }

    [Fact]
    public void Scsi_configuration_is_written_where_the_page_has_it()
    {
        SpecLayout layout = Page.Layout("scsi-configuration");
        byte[] bytes = new byte[VirtioScsiConfig.Size];
        new VirtioScsiConfig(1001, 1002, 1003, 1004, 1005, 1006).Write(bytes);
        Assert.Equal(VirtioScsiConfig.Size, layout.Bytes);
        Assert.Equal((VirtioScsiConfig.SenseOffset, VirtioScsiConfig.CommandOffset), (layout.Offset("sense bytes"), layout.Offset("command bytes")));
        Assert.Equal(
            [1001, 1002, 1003, VirtioScsiLayout.EventBytes, 1004, 1005, 0, 0, 1006],
            new[] { "queue count", "maximum segments", "maximum sectors", "event bytes", "sense bytes", "command bytes", "maximum channel", "maximum target", "maximum lun" }
                .Select(field => (int)layout.Read(bytes, field)));
    }

    [Fact]
    public void Balloon_configuration_is_written_where_the_page_has_it()
    {
        SpecLayout layout = Page.Layout("balloon-configuration");
        byte[] bytes = new byte[BalloonConfig.Size];
        new BalloonConfig(1001, 1002).Write(bytes);
        Assert.Equal((BalloonConfig.Size, 1001UL, 1002UL), (layout.Bytes, layout.Read(bytes, "wanted pages"), layout.Read(bytes, "actual pages")));
        Assert.Equal(BalloonConfig.ActualOffset, layout.Offset("actual pages"));
    }

    [Fact]
    public void Console_configuration_is_written_where_the_page_has_it()
    {
        SpecLayout layout = Page.Layout("console-configuration");
        byte[] bytes = new byte[ConsoleConfig.Size];
        new ConsoleConfig(1001, 1002).Write(bytes);
        Assert.Equal((ConsoleConfig.Size, 1001UL, 1002UL), (layout.Bytes, layout.Read(bytes, "columns"), layout.Read(bytes, "rows")));
    }

    [Fact]
    public void Socket_header_is_where_the_page_has_it()
    {
        SpecLayout layout = Page.Layout("socket-header");
        byte[] bytes = new byte[VsockHeader.Size];
        var header = new VsockHeader(1001, 1002, 1003, 1004, 1005, 1006, VsockOperation.CreditRequest, VsockShutdown.Both, 1007, 1008);
        header.Write(bytes);
        Assert.Equal(VsockHeader.Size, layout.Bytes);
        Assert.Equal(
            [1001, 1002, 1003, 1004, 1005, 1006, 7, 3, 1007, 1008],
            new[] { "source cid", "target cid", "source port", "target port", "bytes", "type", "operation", "flags", "buffer bytes", "forwarded bytes" }
                .Select(field => (int)layout.Read(bytes, field)));
        Assert.Equal(header, VsockHeader.Read(bytes));
    }

    [Fact]
    public void Header_is_where_the_page_has_it()
    {
        SpecLayout layout = VhostUser.Layout("header");
        byte[] bytes = new byte[VhostUserHeader.Size];
        new VhostUserHeader(24, VhostUserHeader.Version | VhostUserHeader.NeedReply, 4096).Write(bytes);
        Assert.Equal(VhostUserHeader.Size, layout.Bytes);
        Assert.Equal((24UL, 9UL, 4096UL), (layout.Read(bytes, "request"), layout.Read(bytes, "flags"), layout.Read(bytes, "payload bytes")));
        Assert.True(VhostUserHeader.TryRead(bytes, out VhostUserHeader read));
        Assert.Equal((24U, true, 4096), (read.Request, read.NeedsReply, read.PayloadBytes));
        layout.Write(bytes, "payload bytes", 4097);
        Assert.False(VhostUserHeader.TryRead(bytes, out _));
        Assert.False(VhostUserHeader.TryRead(bytes.AsSpan(0, 11), out _));
    }

    [Fact]
    public void Region_that_is_empty_or_passes_an_end_is_refused()
    {
        byte[] bytes = new byte[VhostUserRegion.Size];
        Assert.False(VhostUserRegion.TryRead(bytes, out _));
        bytes[8] = 1;
        Assert.True(VhostUserRegion.TryRead(bytes, out _));
        Assert.False(VhostUserRegion.TryRead(bytes.AsSpan(1), out _));
        foreach (int offset in new[] { 0, 16, 24 })
        {
            byte[] wrong = [.. bytes];
            wrong.AsSpan(offset, 8).Fill(0xFF);
            Assert.False(VhostUserRegion.TryRead(wrong, out _));
        }
    }
}
