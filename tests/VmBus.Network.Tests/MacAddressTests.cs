using VmBus.Network.Frames;
using VmBus.Network.Links;
using Xunit;

namespace VmBus.Network.Tests;

public sealed class MacAddressTests
{
    [Theory]
    [InlineData("52:54:00:12:34:56", "52:54:00:12:34:56")]
    [InlineData("00-15-5D-0A-0b-0c", "00:15:5d:0a:0b:0c")]
    public void Text_is_read_and_written(string text, string expected)
    {
        Assert.True(MacAddress.TryParse(text, out MacAddress address));
        Assert.Equal(expected, address.ToString());
        byte[] wire = new byte[MacAddress.Bytes];
        address.Write(wire);
        Assert.Equal(address, MacAddress.Read(wire));
    }

    [Theory]
    [InlineData("")]
    [InlineData("52:54:00:12:34")]
    [InlineData("52:54:00:12:34:5")]
    [InlineData("52:54:00:12:34:+6")]
    [InlineData("52:54:00:12:34:56:78")]
    public void Other_text_is_refused(string text) => Assert.False(MacAddress.TryParse(text, out _));

    [Theory]
    [InlineData("ff:ff:ff:ff:ff:ff", FrameKinds.Broadcast)]
    [InlineData("01:00:5e:00:00:01", FrameKinds.Multicast)]
    [InlineData("00:15:5d:00:00:01", FrameKinds.Directed)]
    public void Filter_takes_what_it_names_and_nothing_else(string destination, FrameKinds kind)
    {
        Assert.True(MacAddress.TryParse("00:15:5d:00:00:01", out MacAddress own));
        Assert.True(MacAddress.TryParse(destination, out MacAddress address));
        Assert.True(new FrameFilter(own, kind).Accepts(address));
        Assert.False(new FrameFilter(own, (FrameKinds)7 & ~kind).Accepts(address));
        Assert.True(new FrameFilter(own, FrameKinds.Everything).Accepts(address));
    }

    [Fact]
    public void Filter_refuses_another_adapters_frames()
    {
        Assert.True(MacAddress.TryParse("00:15:5d:00:00:01", out MacAddress own));
        Assert.True(MacAddress.TryParse("00:15:5d:00:00:02", out MacAddress other));
        Assert.False(new FrameFilter(own, (FrameKinds)7).Accepts(other));
    }
}
