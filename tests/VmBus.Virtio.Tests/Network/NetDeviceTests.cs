using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;
using Xunit;

namespace VmBus.Virtio.Tests.Network;

public sealed class NetDeviceTests
{
    private const LinkOffloads All = LinkOffloads.Checksum | LinkOffloads.Tcp4Segmentation | LinkOffloads.Tcp6Segmentation | LinkOffloads.UdpSegmentation;

    [Fact]
    public void Frame_of_the_driver_reaches_the_link_with_what_is_still_to_be_done()
    {
        using var driver = Ready(offloads: All);
        byte[] frame = Frame(100);
        driver.Send(new VirtioNetHeader(VirtioNetFlags.NeedsChecksum | VirtioNetFlags.DataValid, VirtioNetSegmentation.Tcp4, 54, 1448, 34, 16, 7), frame);
        (VirtioNetHeader header, byte[] sent) = Assert.Single(driver.Link.SentFrames);
        Assert.Equal(frame, sent);
        Assert.Equal(new VirtioNetHeader(VirtioNetFlags.NeedsChecksum, VirtioNetSegmentation.Tcp4, 54, 1448, 34, 16, 0), header);
        Assert.Equal((1, 100), (driver.Device.Counters[0].FramesSent, driver.Device.Counters[0].BytesSent));
    }

    [Theory]
    [InlineData(VirtioNetFlags.NeedsChecksum, VirtioNetSegmentation.None)]
    [InlineData(VirtioNetFlags.None, VirtioNetSegmentation.Tcp4)]
    [InlineData(VirtioNetFlags.None, VirtioNetSegmentation.Tcp6)]
    [InlineData(VirtioNetFlags.None, VirtioNetSegmentation.Udp)]
    [InlineData(VirtioNetFlags.None, VirtioNetSegmentation.UdpSegmentation)]
    [InlineData(VirtioNetFlags.None, (VirtioNetSegmentation)77)]
    public void Frame_with_work_that_was_not_agreed_on_is_dropped(VirtioNetFlags flags, VirtioNetSegmentation segmentation)
    {
        using var driver = Ready();
        driver.Send(new VirtioNetHeader(flags, segmentation, 0, 0, 0, 0, 0), Frame(100));
        Assert.Empty(driver.Link.SentFrames);
        Assert.Equal(1, driver.Device.Counters[0].SendDropped);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(13)]
    [InlineData(65_554)]
    public void Frame_of_no_possible_length_is_dropped(int bytes)
    {
        using var driver = Ready();
        driver.Send(default, new byte[bytes]);
        Assert.Empty(driver.Link.SentFrames);
    }

    [Fact]
    public void Frames_are_dropped_while_the_driver_gives_no_buffers()
    {
        using var driver = new NetDriver();
        driver.Send(default, Frame(100));
        Assert.False(driver.Link.IsOpen);
        Assert.Empty(driver.Link.SentFrames);
    }

    [Fact]
    public void Frame_of_the_link_reaches_the_driver_in_as_many_buffers_as_it_needs()
    {
        using var driver = Ready(buffers: 40);
        byte[] frame = Frame(1200);
        Assert.True(driver.OnLane(() => driver.Link.Receive(frame)));
        NetDriver.Wait(() => driver.Receive.UsedIndex == 3);
        Assert.Equal([(0U, 512U), (1U, 512U), (2U, 188U)], new[] { driver.Receive.Used(0), driver.Receive.Used(1), driver.Receive.Used(2) });
        byte[] first = driver.Receive.Read(NetDriver.BufferAt(0), 512);
        Assert.Equal(3, VirtioNetHeader.Read(first).BufferCount);
        byte[] received = [.. first.AsSpan(12), .. driver.Receive.Read(NetDriver.BufferAt(1), 512), .. driver.Receive.Read(NetDriver.BufferAt(2), 188)];
        Assert.Equal(frame, received);
        Assert.Equal((1, 1200), (driver.Device.Counters[0].FramesReceived, driver.Device.Counters[0].BytesReceived));
    }

    [Fact]
    public void Buffers_that_a_frame_does_not_fill_serve_the_next()
    {
        using var driver = Ready(buffers: 4);
        for (int i = 0; i < 4; i++) Assert.True(driver.OnLane(() => driver.Link.Receive(Frame(60))));
        NetDriver.Wait(() => driver.Receive.UsedIndex == 4);
        Assert.Equal(new uint[] { 0, 1, 2, 3 }, Enumerable.Range(0, 4).Select(i => driver.Receive.Used(i).Id).Order());
        Assert.False(driver.OnLane(() => driver.Link.Receive(Frame(60))));
    }

    [Fact]
    public void Without_merging_a_frame_takes_one_buffer()
    {
        using var driver = Ready(leftOut: NetFeatures.MergeableBuffers, buffers: 4, bytes: 2048);
        Assert.True(driver.OnLane(() => driver.Link.Receive(Frame(1200))));
        NetDriver.Wait(() => driver.Receive.UsedIndex == 1);
        Assert.Equal((0U, 1212U), driver.Receive.Used(0));
        Assert.Equal(1, VirtioNetHeader.Read(driver.Receive.Read(NetDriver.BufferAt(0), 12)).BufferCount);
    }

    [Fact]
    public void Link_goes_on_when_buffers_come_back_although_the_driver_adds_none()
    {
        // Four buffers are lent as one; the second frame finds none until the first has given back what it did not need.
        using var driver = Ready(buffers: 4);
        FrameBuffer lent = driver.OnLane(() => driver.Link.Rent())!;
        Assert.Null(driver.OnLane(() => driver.Link.Rent()));
        driver.OnLane(() =>
        {
            driver.Link.Deliver(lent, Frame(60));
            return true;
        });
        NetDriver.Wait(() => driver.Link.Resumed == 1);
        Assert.True(driver.OnLane(() => driver.Link.Receive(Frame(60))));
    }

    [Fact]
    public void Link_goes_on_when_the_driver_adds_buffers()
    {
        using var driver = Ready(buffers: 1);
        Assert.True(driver.OnLane(() => driver.Link.Receive(Frame(60))));
        Assert.False(driver.OnLane(() => driver.Link.Receive(Frame(60))));
        driver.Post(5, 4);
        NetDriver.Wait(() => driver.Link.Resumed == 1);
        Assert.True(driver.OnLane(() => driver.Link.Receive(Frame(60))));
    }

    [Fact]
    public void Queue_that_stops_gives_every_buffer_back()
    {
        using var driver = Ready(buffers: 8);
        driver.Link.HoldsFrames = true;
        Assert.NotNull(driver.OnLane(() =>
        {
            FrameBuffer? lent = driver.Link.Rent();
            driver.Link.Return(lent!);
            return lent;
        }));
        driver.Stop(0);
        Assert.False(driver.Link.IsOpen);
        Assert.Equal(3, driver.Receive.UsedIndex);
        Assert.All(Enumerable.Range(0, 3), i => Assert.Equal(0U, driver.Receive.Used(i).Bytes));
        driver.Send(default, Frame(60));
        Assert.Empty(driver.Link.SentFrames);
    }

    [Fact]
    public void Buffer_that_is_no_memory_or_too_short_breaks_the_queue()
    {
        using var driver = new NetDriver();
        driver.Post(0, 1, bytes: 11);
        NetDriver.Wait(() => driver.Failures.Count == 1);
        Assert.Contains("too short", driver.Failures[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Driver_that_says_nothing_gets_every_frame_and_one_that_does_what_it_wants()
    {
        using var driver = Ready();
        Assert.Equal(FrameKinds.Everything, driver.Link.Filter!.Accepted);
        Assert.Equal(0, driver.Command(0, 0, 0));
        Assert.Equal(FrameKinds.Directed | FrameKinds.Broadcast, driver.Link.Filter.Accepted);
        Assert.Equal(0, driver.Command(1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0x5E, 0, 0, 1));
        Assert.Equal(FrameKinds.Directed | FrameKinds.Broadcast | FrameKinds.Multicast, driver.Link.Filter.Accepted);
        Assert.Equal(0, driver.Command(1, 0, 0, 0, 0, 0, 0, 0, 0, 0));
        Assert.Equal(0, driver.Command(0, 1, 1));
        Assert.Equal(FrameKinds.Directed | FrameKinds.Broadcast | FrameKinds.Multicast, driver.Link.Filter.Accepted);
        Assert.Equal(0, driver.Command(1, 1, 0x52, 0x54, 0, 0, 0, 9));
        Assert.Equal("52:54:00:00:00:09", driver.Link.Filter.Address.ToString());
        Assert.Equal(0, driver.Command(0, 0, 1));
        Assert.Equal(FrameKinds.Everything, driver.Link.Filter.Accepted);
        driver.Device.Reset();
        Assert.Equal("52:54:00:00:00:07", driver.Link.Filter.Address.ToString());
    }

    [Fact]
    public void Driver_that_names_a_vlan_gets_no_frames_of_others()
    {
        using var driver = Ready(buffers: 40);
        byte[] untagged = Tagged(0x0800, 0), tagged = Tagged(0x8100, 5), priority = Tagged(0x8100, 0xE000), other = Tagged(0x8100, 6);
        Assert.Equal(1, Received(driver, other));
        Assert.Equal(0, driver.Command(2, 0, 5, 0));
        Assert.Equal(1, Received(driver, untagged));
        Assert.Equal(1, Received(driver, tagged));
        Assert.Equal(1, Received(driver, priority));
        Assert.Equal(0, Received(driver, other));
        Assert.Equal(0, driver.Command(2, 1, 5, 0));
        Assert.Equal(0, Received(driver, tagged));
        Assert.Equal(2, driver.Device.Counters[0].ReceiveDropped);
        driver.Device.Reset();
        Assert.Equal(1, Received(driver, other));

        static byte[] Tagged(ushort protocol, ushort tag)
            => [.. new byte[12], (byte)(protocol >> 8), (byte)protocol, (byte)(tag >> 8), (byte)tag, .. new byte[44]];

        static int Received(NetDriver driver, byte[] frame)
        {
            long before = driver.Device.Counters[0].FramesReceived;
            Assert.True(driver.OnLane(() => driver.Link.Receive(frame)));
            return (int)(driver.Device.Counters[0].FramesReceived - before);
        }
    }

    [Theory]
    [InlineData(new byte[] { 2, 0, 0, 16 })]
    [InlineData(new byte[] { 2, 0, 5 })]
    [InlineData(new byte[] { 9, 9, 9 })]
    [InlineData(new byte[] { 0 })]
    [InlineData(new byte[] { 0, 0 })]
    [InlineData(new byte[] { 0, 0, 1, 1 })]
    [InlineData(new byte[] { 1, 1, 1, 0, 0x5E, 0, 0, 1 })]
    [InlineData(new byte[] { 1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 0, 0, 1, 0, 0, 0 })]
    [InlineData(new byte[] { 4, 0, 0, 0 })]
    [InlineData(new byte[] { 4, 0, 2, 0 })]
    public void Command_that_makes_no_sense_is_refused(byte[] command)
    {
        using var driver = Ready();
        Assert.Equal(1, driver.Command(command));
        Assert.Equal(FrameKinds.Everything, driver.Link.Filter!.Accepted);
    }

    [Fact]
    public void What_the_driver_takes_unfinished_is_what_the_link_may_give()
    {
        using (var driver = Ready(offloads: All)) Assert.Equal(All, driver.Link.ReceiveOffloads);
        using (var driver = Ready(leftOut: NetFeatures.GuestTcp6 | NetFeatures.GuestUdp4, offloads: All))
            Assert.Equal(LinkOffloads.Checksum | LinkOffloads.Tcp4Segmentation, driver.Link.ReceiveOffloads);
        using (var driver = Ready()) Assert.Equal(LinkOffloads.None, driver.Link.ReceiveOffloads);
    }

    [Fact]
    public void Configuration_tells_address_link_pairs_and_mtu_and_when_the_link_changes()
    {
        using var driver = new NetDriver();
        byte[] config = new byte[NetConfig.Size];
        Assert.Equal(NetConfig.Size, driver.Device.ReadConfig(config));
        Assert.Equal([0x52, 0x54, 0, 0, 0, 7, 1, 0, 1, 0, 0xDC, 5], config);
        using var told = new ManualResetEventSlim();
        driver.Device.ConfigChanged = told.Set;
        driver.Link.SetUp(false);
        Assert.True(told.Wait(TimeSpan.FromSeconds(30)));
        driver.Device.ReadConfig(config);
        Assert.Equal(0, config[6]);
    }

    private static NetDriver Ready(NetFeatures leftOut = NetFeatures.None, LinkOffloads offloads = LinkOffloads.None, int buffers = 8, uint bytes = NetDriver.BufferBytes)
    {
        var driver = new NetDriver(leftOut, offloads);
        driver.Post(0, buffers, bytes);
        NetDriver.Wait(() => driver.Link.IsOpen);
        return driver;
    }

    private static byte[] Frame(int bytes)
    {
        byte[] frame = new byte[bytes];
        new Random(bytes).NextBytes(frame);
        return frame;
    }
}
