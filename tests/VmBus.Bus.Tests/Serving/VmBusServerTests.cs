using VmBus.Bus.Channels;
using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Ring;
using VmBus.TestKit.Bus;
using VmBus.TestKit.Rings;

namespace VmBus.Bus.Tests.Serving;

/// <summary>The whole bus with real lanes and rings, seen by a guest that has no virtual machine.</summary>
public sealed class VmBusServerTests : IDisposable
{
    private readonly FakeGuest _guest = new(laneCount: 2);
    private readonly EchoDevice _echo = new();

    public void Dispose() => _guest.Dispose();

    [Fact]
    public void Echo_of_many_packets_comes_back_in_order()
    {
        GuestChannel channel = OpenEcho();
        for (int i = 0; i < 5000; i++)
        {
            byte[] payload = BitConverter.GetBytes((long)i);
            channel.Send(payload, (ulong)i + 1);
            ReceivedPacket answer = channel.Receive();
            Assert.Equal(PacketType.Completion, answer.Descriptor.Type);
            Assert.Equal((ulong)i + 1, answer.Descriptor.TransactionId);
            Assert.Equal(payload, answer.Payload);
        }
    }

    [Fact]
    public void Batch_of_packets_is_answered_with_one_interrupt()
    {
        GuestChannel channel = OpenEcho();
        for (ulong id = 1; id <= 20; id++) Assert.Equal(RingStatus.Ok, channel.Ring.Writer.TryWrite(PacketType.DataInband, [], new byte[16], id, 1));
        if (channel.Ring.Writer.Commit()) channel.Kick();
        for (ulong id = 1; id <= 20; id++) Assert.Equal(id, channel.Receive().Descriptor.TransactionId);
        ChannelInfo info = Assert.Single(_guest.Server.Describe());
        Assert.Equal((20, 20, 1), (info.PacketsIn, info.PacketsOut, info.Interrupts));
        Assert.Equal(1, info.Kicks);
    }

    [Fact]
    public void Guest_that_does_not_read_blocks_the_channel_until_it_does()
    {
        GuestChannel channel = OpenEcho(pagesPerRing: 3);
        ulong sent = Clog(channel);
        for (ulong id = 1; id <= sent; id++) Assert.Equal(id, channel.Receive().Descriptor.TransactionId);
        // Nothing waits any more, so the guest is not asked for signals either.
        Assert.Equal(0u, channel.Ring.Inbound.ReadControl().PendingSendSize);
    }

    [Fact]
    public void Guest_without_the_feature_that_never_signals_space_gets_everything()
    {
        GuestChannel channel = OpenEcho(pagesPerRing: 3);
        channel.Ring.PokeInbound(RingControlPage.FeatureBits, 0);
        ulong sent = Clog(channel);
        for (ulong id = 1; id <= sent;)
        {
            if (channel.Ring.Receive(out _) is { } packet)
                Assert.Equal(id++, packet.Descriptor.TransactionId);
            else
                Assert.True(
                    _guest.Ports.TakeInterrupt(channel.Processor, channel.Id, FakeGuest.Patience), $"The host stopped after {id - 1} of {sent} answers.");
        }
    }

    [Fact]
    public void Channel_can_be_closed_and_opened_again_on_the_same_id()
    {
        _guest.Server.Offer(_echo);
        OfferChannel offer = Assert.Single(_guest.Connect());
        for (int i = 0; i < 3; i++)
        {
            GuestChannel channel = _guest.Open(offer);
            channel.Send([1, 2, 3, 4, 5, 6, 7, 8]);
            _ = channel.Receive();
            _guest.Close(channel);
            Assert.Empty(_guest.Ports.Bound);
        }

        Assert.Equal(3, _echo.Opens);
    }

    [Fact]
    public void Kick_is_bound_before_the_open_is_answered_and_unbound_before_the_teardown_is()
    {
        GuestChannel channel = OpenEcho();
        Assert.Equal([channel.ConnectionId], _guest.Ports.Bound);
        _guest.Close(channel);
        Assert.Empty(_guest.Ports.Bound);
    }

    [Fact]
    public void Open_that_the_kernel_cannot_bind_is_refused()
    {
        _guest.Server.Offer(_echo);
        OfferChannel offer = Assert.Single(_guest.Connect());
        _guest.Ports.RefusesBindings = true;
        Assert.Equal(NtStatus.Unexpected, _guest.Open(_guest.Prepare(offer)));
        Assert.Equal(0, _echo.Opens);
        _guest.Ports.RefusesBindings = false;
        _ = _guest.Open(offer);
    }

    [Fact]
    public void Open_that_the_device_refuses_fails_and_leaves_nothing_bound()
    {
        _echo.Refuses = true;
        _guest.Server.Offer(_echo);
        OfferChannel offer = Assert.Single(_guest.Connect());
        Assert.Equal(NtStatus.Unexpected, _guest.Open(_guest.Prepare(offer)));
        Assert.Empty(_guest.Ports.Bound);
        Assert.Equal(ChannelState.Offered, Assert.Single(_guest.Server.Describe()).State);
    }

    [Fact]
    public void Teardown_of_the_rings_waits_until_the_device_has_stopped()
    {
        _echo.HoldsClose = true;
        GuestChannel channel = OpenEcho();
        _guest.Post(new CloseChannel(channel.Id));
        _guest.Post(new GpadlTeardown(channel.Id, channel.GpadlId));
        // A later message that is answered at once overtakes the teardown: it has been read, and is held back.
        (_, NtStatus status) = _guest.CreateGpadl(channel.Id, _guest.AllocatePages(1));
        Assert.Equal(NtStatus.Success, status);
        _echo.Last!.FinishClose();
        Assert.Equal(channel.GpadlId, _guest.Expect<GpadlTorndown>().GpadlId);
    }

    [Fact]
    public void Corrupt_ring_costs_the_guest_its_channel_and_nothing_else()
    {
        var other = new EchoDevice();
        _guest.Server.Offer(_echo);
        _guest.Server.Offer(other);
        IReadOnlyList<OfferChannel> offers = _guest.Connect();
        GuestChannel broken = _guest.Open(offers[0]);
        GuestChannel healthy = _guest.Open(offers[1]);
        broken.Ring.PokeOutbound(RingControlPage.WriteIndex, 0xFFFF_FFF8);
        broken.Kick();
        Assert.Equal(broken.Id, _guest.Expect<RescindChannelOffer>().ChannelId);
        healthy.Send(new byte[8]);
        _ = healthy.Receive();
        Assert.Equal([healthy.ConnectionId], _guest.Ports.Bound);
    }

    [Fact]
    public void Violation_rescinds_the_channel()
    {
        _echo.OnPacket = (_, _) => PacketVerdict.Violation;
        GuestChannel channel = OpenEcho();
        channel.Send(new byte[8]);
        Assert.Equal(channel.Id, _guest.Expect<RescindChannelOffer>().ChannelId);
        _guest.Post(new RelIdReleased(channel.Id));
        _guest.Unload();
        // The device is still there: the next connection sees it again, under the same id.
        Assert.Equal(channel.Id, Assert.Single(_guest.Connect()).ChannelId);
    }

    [Fact]
    public void Subchannels_are_offered_when_the_device_asks_and_rescinded_with_the_primary()
    {
        _echo.OnOpen = channel =>
        {
            if (channel.SubchannelIndex == 0) channel.OfferSubchannels(2);
        };
        GuestChannel primary = OpenEcho();
        OfferChannel[] offers = [_guest.TakeOffer(), _guest.TakeOffer()];
        Assert.Equal([1, 2], offers.Select(offer => (int)offer.SubchannelIndex));
        GuestChannel sub = _guest.Open(offers[1], processor: 3);
        sub.Send(new byte[8], 77);
        Assert.Equal(77ul, sub.Receive().Descriptor.TransactionId);
        _guest.Post(new CloseChannel(primary.Id));
        uint[] rescinded = [_guest.Expect<RescindChannelOffer>().ChannelId, _guest.Expect<RescindChannelOffer>().ChannelId];
        Assert.Equal(offers.Select(offer => offer.ChannelId).Order(), rescinded.Order());
        foreach (uint id in rescinded) _guest.Post(new RelIdReleased(id));
        _guest.Teardown(primary.Id, primary.GpadlId);
        // The same ids come again when the primary is opened again.
        _ = _guest.Open(primary.Offer);
        Assert.Equal(offers.Select(offer => offer.ChannelId), [_guest.TakeOffer().ChannelId, _guest.TakeOffer().ChannelId]);
    }

    [Fact]
    public void Removed_device_is_quiet_on_return_and_rescinded()
    {
        GuestChannel channel = OpenEcho();
        _guest.Server.Remove(_echo);
        Assert.True(_echo.Last!.IsClosing);
        Assert.Equal(channel.Id, _guest.Expect<RescindChannelOffer>().ChannelId);
        Assert.Empty(_guest.Ports.Bound);
        // The guest still holds the id, so a new device gets another one; the old instance waits for the release.
        var again = new EchoDevice(_echo.Offer.InterfaceInstance);
        _guest.Server.Offer(again);
        _guest.Post(new RelIdReleased(channel.Id));
        OfferChannel offer = _guest.TakeOffer();
        Assert.Equal(2u, offer.ChannelId);
        Assert.Equal(_echo.Offer.InterfaceInstance, offer.InterfaceInstance);
        _ = _guest.Open(offer);
        Assert.Equal(1, again.Opens);
    }

    [Fact]
    public void Device_cannot_be_offered_twice()
    {
        _guest.Server.Offer(_echo);
        Assert.Throws<ArgumentException>(() => _guest.Server.Offer(new EchoDevice(_echo.Offer.InterfaceInstance)));
    }

    [Fact]
    public void Reset_drains_every_channel_and_keeps_the_offers()
    {
        _ = OpenEcho();
        _guest.Server.Reset();
        Assert.True(_echo.Last!.IsClosing);
        Assert.Empty(_guest.Ports.Bound);
        _ = _guest.Open(Assert.Single(_guest.Connect()));
        Assert.Equal(2, _echo.Opens);
    }

    [Fact]
    public void New_contact_without_unload_waits_for_the_old_channels_and_then_works()
    {
        _echo.HoldsClose = true;
        _ = OpenEcho();
        _guest.PostContact(ProtocolVersion.V5_3, processor: 1);
        while (!_echo.Last!.IsClosing) Thread.Yield();
        _echo.Last.FinishClose();
        Assert.Equal(1, _guest.Expect<VersionResponse>().Supported);
        Assert.Equal(1u, _guest.Ports.MessageProcessor);
        _echo.HoldsClose = false;
        _ = _guest.Open(Assert.Single(_guest.RequestOffers()));
    }

    [Fact]
    public void Messages_for_the_kernel_before_are_dropped_at_contact()
    {
        _guest.Server.Offer(_echo);
        _ = _guest.Contact(ProtocolVersion.V5_3);
        _guest.Post(new RequestOffers());
        // The answers to that are not read: the first message that the next kernel sees is the answer to its own.
        Assert.Equal(1, _guest.Contact(ProtocolVersion.V5_3).Supported);
    }

    [Fact]
    public void Unload_is_answered_when_everything_has_stopped()
    {
        GuestChannel channel = OpenEcho();
        _guest.Unload();
        Assert.True(_echo.Last!.IsClosing);
        Assert.Empty(_guest.Ports.Bound);
        Assert.Equal(channel.Id, Assert.Single(_guest.Connect()).ChannelId);
    }

    [Fact]
    public void Interrupts_follow_the_processor_that_the_guest_chooses()
    {
        GuestChannel channel = OpenEcho();
        channel.Send(new byte[8]);
        _ = channel.Receive();
        _guest.Post(new ModifyChannel(channel.Id, 5));
        Assert.Equal(NtStatus.Success, _guest.Expect<ModifyChannelResponse>().Status);
        // The answer comes after the last interrupt for the old processor.
        int before = _guest.Ports.InterruptCount(0, channel.Id);
        channel.Processor = 5;
        channel.Send(new byte[8]);
        _ = channel.Receive();
        Assert.Equal(before, _guest.Ports.InterruptCount(0, channel.Id));
    }

    [Fact]
    public void Open_without_a_processor_gets_answers_but_no_interrupts()
    {
        _guest.Server.Offer(_echo);
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()), SyntheticInterrupts.NoProcessor);
        channel.Send(new byte[8], 9);
        ReceivedPacket? answer;
        while ((answer = channel.Ring.Receive()) is null) Thread.Yield();
        Assert.Equal(9ul, answer.Descriptor.TransactionId);
        Assert.Equal(0, Assert.Single(_guest.Server.Describe()).Interrupts);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(2u)]
    [InlineData(3u)]
    [InlineData(0x2001u)]
    [InlineData(uint.MaxValue)]
    public void Post_on_another_connection_is_refused(uint connectionId)
        => Assert.Equal(PostStatus.InvalidConnectionId, _guest.PostBytes(new byte[8], connectionId));

    [Fact]
    public void Flood_of_posts_is_held_off_and_the_guest_can_go_on()
    {
        _guest.Server.Offer(_echo);
        OfferChannel offer = Assert.Single(_guest.Connect());
        using var stopped = new ManualResetEventSlim();
        _guest.Server.ControlLane.Post(stopped.Wait);
        int accepted = 0;
        var junk = new byte[240];
        while (_guest.PostBytes(junk) == PostStatus.Accepted) accepted++;
        stopped.Set();
        Assert.Equal(64, accepted);
        _ = _guest.Open(offer);
    }

    [Fact]
    public void Guest_that_leaves_its_messages_unread_cannot_post()
    {
        _guest.Ports.Queued = 1000;
        Assert.Equal(PostStatus.InsufficientBuffers, _guest.PostBytes(new byte[8]));
        _guest.Ports.Queued = 0;
        Assert.Equal(PostStatus.Accepted, _guest.PostBytes(new byte[8]));
    }

    [Fact]
    public void Gpadl_of_many_bodies_is_usable_and_one_outside_ram_is_not()
    {
        _guest.Server.Offer(_echo);
        OfferChannel offer = Assert.Single(_guest.Connect());
        Assert.Equal(NtStatus.Success, _guest.CreateGpadl(offer.ChannelId, _guest.AllocatePages(4000)).Status);
        Assert.Equal(NtStatus.InvalidParameter, _guest.CreateGpadl(offer.ChannelId, new PageRun(1 << 20, 2)).Status);
    }

    [Fact]
    public void Connect_of_a_socket_is_refused_when_nobody_listens()
    {
        _ = _guest.Connect();
        var request = new TlConnectRequest(Guid.NewGuid(), Guid.NewGuid(), Guid.Empty);
        _guest.Post(request);
        TlConnectResult result = _guest.Expect<TlConnectResult>();
        Assert.Equal((request.EndpointId, request.ServiceId, NtStatus.ConnectionRefused), (result.EndpointId, result.ServiceId, result.Status));
        Assert.True(_guest.Ports.Connects.TryDequeue(out TlConnectRequest seen));
        Assert.Equal(request, seen);
    }

    [Fact]
    public void Completions_that_come_later_are_published_with_one_interrupt_and_the_ring_stays_masked_meanwhile()
    {
        var pending = new Queue<ulong>();
        _echo.OnPacket = (channel, packet) =>
        {
            pending.Enqueue(packet.TransactionId);
            channel.ExpectsCompletions = true;
            return PacketVerdict.Taken;
        };
        GuestChannel guest = OpenEcho();
        guest.Send(new byte[8], 1);
        OpenChannel host = _echo.Last!.Channel;
        while (!OnLane(host, () => pending.Count == 1)) Thread.Yield();
        // The guest need not signal the second packet.
        Assert.False(guest.Ring.Send(new byte[8], 2));
        _ = OnLane(host, () =>
        {
            host.Touch();
            return true;
        });
        while (!OnLane(host, () => pending.Count == 2)) Thread.Yield();
        _ = OnLane(host, () =>
        {
            host.ExpectsCompletions = false;
            while (pending.TryDequeue(out ulong id)) Assert.True(host.TrySend(PacketType.Completion, [], new byte[8], id));
            return true;
        });
        Assert.Equal(1ul, guest.Receive().Descriptor.TransactionId);
        Assert.Equal(2ul, guest.Receive().Descriptor.TransactionId);
        ChannelInfo info = Assert.Single(_guest.Server.Describe());
        Assert.Equal(1, info.Interrupts);
        // Nothing is expected any more: signals are asked for again.
        guest.Send(new byte[8], 3);
        while (!OnLane(host, () => pending.Count == 1)) Thread.Yield();
    }

    private static bool OnLane(OpenChannel channel, Func<bool> work)
    {
        bool result = false;
        channel.Lane.Invoke(() => result = work());
        return result;
    }

    private GuestChannel OpenEcho(int pagesPerRing = 17)
    {
        _guest.Server.Offer(_echo);
        return _guest.Open(Assert.Single(_guest.Connect()), pagesPerRing: pagesPerRing);
    }

    // Requests until nothing moves any more; returns how many were sent.
    private static ulong Clog(GuestChannel channel)
    {
        // The answers fill their ring, then the host stops reading and the requests fill theirs: nothing moves any more.
        ulong sent = 0;
        while (true)
        {
            if (channel.Ring.Writer.TryWrite(PacketType.DataInband, [], new byte[1000], sent + 1, 1) == RingStatus.Ok)
            {
                sent++;
                if (channel.Ring.Writer.Commit()) channel.Kick();
                continue;
            }

            bool hostWaits = channel.Ring.Inbound.ReadControl().PendingSendSize != 0;
            if (hostWaits && channel.Ring.Writer.WaitForSpace(1000)) break;
            Thread.Yield();
        }

        channel.Ring.Writer.StopWaitingForSpace();
        return sent;
    }
}
