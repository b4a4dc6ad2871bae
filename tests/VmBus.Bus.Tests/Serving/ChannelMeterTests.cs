using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.TestKit.Bus;

namespace VmBus.Bus.Tests.Serving;

/// <summary>What whoever manages a partition sees of its channels.</summary>
public sealed class ChannelMeterTests : IDisposable
{
    private readonly FakeGuest _guest = new(laneCount: 2);
    private readonly EchoDevice _echo = new();

    public void Dispose() => _guest.Dispose();

    [Fact]
    public void Open_channel_tells_what_its_device_has_moved_and_how_full_its_rings_are()
    {
        _guest.Server.Offer(_echo);
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        for (ulong id = 1; id <= 3; id++)
        {
            channel.Send(new byte[16], id);
            _ = channel.Receive();
        }

        ChannelInfo info = Assert.Single(_guest.Server.Describe());
        Assert.Equal(new ChannelTraffic(3, 48, 48), info.Traffic);
        Assert.Equal(new RingFill(0, channel.Ring.Inbound.DataBytes), info.ToGuest);
        Assert.Equal(0, info.FromGuest!.Value.Bytes);
    }

    [Fact]
    public void Answer_that_the_guest_has_not_read_fills_the_ring_to_it()
    {
        _guest.Server.Offer(_echo);
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        channel.Send(new byte[16], 1);
        // Descriptor, payload and trailer of one answer; the interrupt says that it is there.
        Assert.True(_guest.Ports.TakeInterrupt(channel.Processor, channel.Id, TimeSpan.FromSeconds(30)));
        Assert.Equal(16 + 16 + 8, Assert.Single(_guest.Server.Describe()).ToGuest!.Value.Bytes);
    }

    [Fact]
    public void Channel_that_is_not_open_tells_nothing()
    {
        _guest.Server.Offer(_echo);
        _ = _guest.Connect();
        ChannelInfo info = Assert.Single(_guest.Server.Describe());
        Assert.Equal((null, null, null), (info.Traffic, info.FromGuest, info.ToGuest));
    }

    [Fact]
    public void Observer_hears_of_channels_that_open_and_close()
    {
        _guest.Server.Offer(_echo);
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        Assert.Equal([$"{channel.Id}.0 opened"], _guest.Ports.Changes);
        _guest.Server.Reset();
        Assert.Equal([$"{channel.Id}.0 opened", $"{channel.Id}.0 closed"], _guest.Ports.Changes);
    }
}
