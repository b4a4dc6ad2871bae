using VmBus.Protocol.HyperV;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.HyperV;

/// <summary>Numbers of the synthetic interrupt controller against their page.</summary>
public sealed class SynicPageTests
{
    private static readonly SpecPage Page = SpecPage.Load("synic.md");

    [Fact]
    public void Numbers_are_what_the_page_says()
    {
        SpecNumbers numbers = Page.Numbers("numbers");
        Assert.Equal((ulong)SyntheticInterrupts.VmBus, numbers["VmBus"]);
        Assert.Equal((ulong)SyntheticInterrupts.EventFlagCount, numbers["event flag count"]);
        Assert.Equal((ulong)SyntheticInterrupts.MaximumMessageBytes, numbers["maximum message bytes"]);
        Assert.Equal(SyntheticInterrupts.ChannelMessageType, numbers["channel message type"]);
        Assert.Equal(SyntheticInterrupts.NoProcessor, numbers["no processor"]);
        Assert.Equal(SyntheticInterrupts.MaximumMessageBytes, Page.Layout("messages").Size("payload"));
    }

    [Theory]
    [InlineData(1u, true, false)]
    [InlineData(2u, false, false)]
    [InlineData(3u, false, false)]
    [InlineData(4u, true, false)]
    [InlineData(5u, false, true)]
    [InlineData(0xFFFFFFu, false, true)]
    [InlineData(0x1000000u, false, false)]
    [InlineData(0u, false, false)]
    public void Fixed_connection_ids_are_not_for_channels(uint id, bool takesMessages, bool isAssignable)
        => Assert.Equal((takesMessages, isAssignable), (ConnectionIds.IsMessagePort(id), ConnectionIds.IsAssignable(id)));

    [Fact]
    public void Connection_ids_are_what_the_page_says()
    {
        SpecTable table = Page.Table("connection-ids");
        uint[] expected = [ConnectionIds.Message, ConnectionIds.SharedEvent, ConnectionIds.Monitor, ConnectionIds.MultiClientMessage];
        for (int row = 0; row < expected.Length; row++) Assert.Equal(expected[row], table.Number(row, "value"));
        for (uint channel = 1; channel < SyntheticInterrupts.EventFlagCount; channel++) Assert.Equal(0x2000 + channel, ConnectionIds.ForChannel(channel));
    }
}
