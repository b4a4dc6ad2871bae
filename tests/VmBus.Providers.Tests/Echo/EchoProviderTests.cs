using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Memory.Synic;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Echo;
using VmBus.Protocol.Ring;
using VmBus.Providers.Echo;
using VmBus.TestKit.Bus;
using VmBus.TestKit.Rings;
using Xunit;

namespace VmBus.Providers.Tests.Echo;

/// <summary>The echo device behind the real bus.</summary>
public sealed class EchoProviderTests : IDisposable
{
    private readonly FakeGuest _guest = new();
    private readonly GuestChannel _channel;

    public EchoProviderTests()
    {
        _guest.Server.Offer(new EchoProvider());
        OfferChannel offer = Assert.Single(_guest.Connect());
        Assert.Equal(EchoInterface.Type, offer.InterfaceType);
        _channel = _guest.Open(offer, pagesPerRing: 9);
    }

    public void Dispose() => _guest.Dispose();

    [Fact]
    public void Answer_has_the_same_bytes_and_what_wants_none_gets_none()
    {
        _channel.Send(PacketType.DataInband, [], [1, 2, 3, 4, 5, 6, 7, 8], 1, flags: 0);
        _channel.Send([8, 7, 6, 5, 4, 3, 2, 1], 2);
        ReceivedPacket answer = _channel.Receive();
        Assert.Equal((PacketType.Completion, 2ul), (answer.Descriptor.Type, answer.Descriptor.TransactionId));
        Assert.Equal([8, 7, 6, 5, 4, 3, 2, 1], answer.Payload);
    }

    [Fact]
    public void Answers_that_find_no_space_come_in_order_when_there_is_some()
    {
        // Three fit into a ring of 32 KiB: both fill up before anything is read.
        byte[] payload = new byte[8192];
        ulong sent = 0;
        ulong received = 0;
        while (received < 40)
        {
            for (; sent < 40; sent++)
            {
                payload[0] = (byte)sent;
                if (_channel.Channel.TrySend(PacketType.DataInband, [], payload, sent, PacketDescriptor.CompletionRequested) == RingStatus.Full) break;
            }

            _channel.Channel.Flush();

            ReceivedPacket answer = _channel.Receive();
            Assert.Equal((received, (byte)received), (answer.Descriptor.TransactionId, answer.Payload[0]));
            received++;
        }
    }

    [Theory]
    [InlineData(PacketType.Completion, 8)]
    [InlineData(PacketType.DataInband, EchoInterface.MaximumPayloadBytes + 8)]
    public void Other_packets_close_the_channel(PacketType type, int bytes)
    {
        _channel.Send(type, [], new byte[bytes], 1);
        Assert.Equal(_channel.Id, _guest.Expect<RescindChannelOffer>().ChannelId);
    }

    [Fact]
    public void Guest_signals_a_monitored_device_by_its_bit_of_the_monitor_page()
    {
        using var guest = new FakeGuest(maximumVersion: ProtocolVersion.V6_0);
        guest.Server.Offer(new EchoProvider(isMonitored: true));
        OfferChannel offer = Assert.Single(guest.Connect(ProtocolVersion.V6_0, features: FeatureFlags.ModifyConnection));
        Assert.Equal((byte?)0, offer.MonitorId);
        GuestChannel channel = guest.Open(offer, pagesPerRing: 9);
        MonitorTrigger trigger = Monitor(guest);
        for (ulong id = 1; id <= 50; id++)
        {
            // Published without a signal; now and then only the bit can be what wakes the host, which is asleep.
            Assert.Equal(RingStatus.Ok, channel.Channel.TrySend(PacketType.DataInband, [], new byte[64], id, PacketDescriptor.CompletionRequested));
            _ = channel.Channel.Rings.Writer.Commit();
            trigger.Set();
            Assert.Equal(id, channel.Receive().Descriptor.TransactionId);
        }
    }

    [Fact]
    public void Monitor_page_that_is_no_ram_takes_nothing_from_the_hypercall()
    {
        using var guest = new FakeGuest(maximumVersion: ProtocolVersion.V6_0);
        guest.Server.Offer(new EchoProvider(isMonitored: true));
        GuestChannel channel = guest.Open(Assert.Single(guest.Connect(ProtocolVersion.V6_0, features: FeatureFlags.ModifyConnection)), pagesPerRing: 9);
        guest.Post(new ModifyConnection(1UL << 40, (1UL << 40) + 4096));
        _ = guest.Expect<ModifyConnectionResponse>();
        channel.Send([1, 2, 3, 4, 5, 6, 7, 8], 1);
        Assert.Equal(1ul, channel.Receive().Descriptor.TransactionId);
    }

    private static MonitorTrigger Monitor(FakeGuest guest)
    {
        Gpa page = Gpa.FromPage(guest.AllocatePages(1).FirstPage);
        guest.Post(new ModifyConnection(page.Value, page.Value));
        _ = guest.Expect<ModifyConnectionResponse>();
        Assert.True(MonitorTrigger.TryOpen(guest.Memory, page, 0, out MonitorTrigger trigger));
        return trigger;
    }
}
