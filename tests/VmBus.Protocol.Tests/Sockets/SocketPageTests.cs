using VmBus.Protocol.Channel;
using VmBus.Protocol.Sockets;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Sockets;

/// <summary>Code and protocol-spec/sockets.md say the same.</summary>
public sealed class SocketPageTests
{
    private static readonly SpecPage Page = SpecPage.Load("sockets.md");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Offer_says_who_connects_where_the_page_has_it(bool fromHost)
    {
        SpecLayout layout = Page.Layout("offer");
        byte[] area = SocketInterface.UserDefined(fromHost);
        Assert.Equal(layout.Bytes, area.Length);
        Assert.Equal(fromHost ? 1ul : 0ul, layout.Read(area, "from host"));
        Assert.Equal(1ul, layout.Read(area, "version"));
        Assert.Equal(fromHost ? 2 : 1, area.Count(static value => value != 0));
        Assert.Equal((OfferFlags)0x2011, SocketInterface.Flags);
    }

    [Fact]
    public void Packet_header_is_written_and_read_as_the_page_has_it()
    {
        SpecLayout layout = Page.Layout("packet");
        var packet = new byte[layout.Bytes + 0x1234];
        SocketPacket.WriteHeader(packet, 0x1234);
        Assert.Equal(SocketPacket.HeaderBytes, layout.Bytes);
        Assert.Equal(1ul, layout.Read(packet, "type"));
        Assert.Equal(0x1234ul, layout.Read(packet, "bytes"));
        Assert.True(SocketPacket.TryRead(packet, out int bytes));
        Assert.Equal(0x1234, bytes);
    }

    [Fact]
    public void Packet_that_is_short_or_claims_too_much_is_refused()
    {
        var packet = new byte[16];
        SocketPacket.WriteHeader(packet, 8);
        Assert.True(SocketPacket.TryRead(packet, out _));
        Assert.False(SocketPacket.TryRead(packet.AsSpan(0, 15), out _));
        Assert.False(SocketPacket.TryRead(packet.AsSpan(0, 7), out _));
        SocketPacket.WriteHeader(packet, -1);
        Assert.False(SocketPacket.TryRead(packet, out _));
        SocketPacket.WriteHeader(packet, 8);
        packet[0] = 2;
        Assert.False(SocketPacket.TryRead(packet, out _));
    }

    [Fact]
    public void Port_is_the_first_word_of_the_pages_template()
    {
        Assert.Equal(new Guid("00001388-facb-11e6-bd58-64006a7986d3"), SocketInterface.FromPort(5000));
        Assert.True(SocketInterface.TryGetPort(SocketInterface.FromPort(uint.MaxValue), out uint port));
        Assert.Equal(uint.MaxValue, port);
        Assert.False(SocketInterface.TryGetPort(new Guid("00001388-facb-11e6-bd58-64006a7986d4"), out _));
    }
}
