using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Ring;
using VmBus.TestKit;
using VmBus.TestKit.Bus;

namespace VmBus.Bus.Tests.Serving;

/// <summary>The path of a packet: what it costs, and what happens at its edges.</summary>
public sealed class ChannelPumpTests : IDisposable
{
    private readonly FakeGuest _guest = new();
    private readonly EchoDevice _device = new();

    public void Dispose() => _guest.Dispose();

    [Fact]
    public void Steady_state_allocates_nothing_on_the_lane()
    {
        GuestChannel channel = Open();
        Exchange(channel, 2000);
        Assert.Equal(0, Allocations.LeastOf(LaneAllocations, () => Exchange(channel, 3000)));
    }

    [Fact]
    public void Packet_that_was_refused_as_busy_is_delivered_again_after_resume()
    {
        int refusals = 0;
        OpenChannel? host = null;
        _device.OnPacket = (channel, packet) =>
        {
            host = channel;
            if (refusals++ == 0) return PacketVerdict.Busy;
            return channel.TrySend(PacketType.Completion, [], [], packet.TransactionId) ? PacketVerdict.Taken : PacketVerdict.Busy;
        };
        GuestChannel guest = Open();
        guest.Send(new byte[8], 42);
        while (!OnLane(() => refusals == 1)) Thread.Yield();
        // A signal alone does not bring the packet back.
        guest.Kick();
        Assert.True(OnLane(() => refusals == 1));
        _ = OnLane(() =>
        {
            host!.Resume();
            return true;
        });
        Assert.Equal(42ul, guest.Receive().Descriptor.TransactionId);
        Assert.Equal(2, refusals);
    }

    [Fact]
    public void Channel_settles_when_its_guest_has_read_all_answers_and_a_packet_behind_the_seal_needs_no_signal()
    {
        OpenChannel? host = null;
        _device.OnPacket = (channel, packet) =>
        {
            host = channel;
            return channel.TrySend(PacketType.Completion, [], [], packet.TransactionId) ? PacketVerdict.Taken : PacketVerdict.Busy;
        };
        GuestChannel guest = Open();
        guest.Send(new byte[8], 1);
        // Before the seal, and published after it.
        RingWriter writer = guest.Ring.Writer;
        while (OnLane(() => host is null)) Thread.Yield();
        Assert.Equal(RingStatus.Ok, writer.TryWrite(PacketType.DataInband, [], new byte[8], 2, PacketDescriptor.CompletionRequested));
        Assert.False(OnLane(() => host!.TrySettle(seal: true)));
        Assert.Equal(1ul, guest.Receive().Descriptor.TransactionId);
        Assert.True(SpinWait.SpinUntil(() => OnLane(() => host!.TrySettle(seal: true)), FakeGuest.Patience));
        Assert.False(writer.Commit());
        Assert.False(OnLane(() => host!.TrySettle(seal: true)));
        Assert.Equal(2ul, guest.Receive().Descriptor.TransactionId);
        Assert.True(SpinWait.SpinUntil(() => OnLane(() => host!.TrySettle(seal: true)), FakeGuest.Patience));
        RingControl sealedRing = guest.Ring.Outbound.ReadControl();
        Assert.Equal(sealedRing.WriteIndex + 8, sealedRing.ReadIndex);
        Assert.False(OnLane(() => host!.TrySettle(seal: false)));
        while (guest.Ring.Outbound.ReadControl() is var control && control.ReadIndex != control.WriteIndex) Thread.Yield();
        guest.Send(new byte[8], 4);
        Assert.Equal(4ul, guest.Receive().Descriptor.TransactionId);
    }

    [Fact]
    public void Guest_that_goes_on_quickly_need_not_signal_while_the_lane_looks_for_more()
    {
        using var guest = new FakeGuest(pollTime: TimeSpan.FromSeconds(20));
        guest.Server.Offer(_device);
        GuestChannel channel = guest.Open(Assert.Single(guest.Connect()));
        for (ulong id = 1; id <= 2; id++)
        {
            channel.Send(new byte[8], id);
            Assert.Equal(id, channel.Receive().Descriptor.TransactionId);
        }

        for (ulong id = 3; id <= 50; id++)
        {
            Assert.False(channel.Ring.Send(new byte[8], id));
            Assert.Equal(id, channel.Receive().Descriptor.TransactionId);
        }
    }

    [Fact]
    public void Guest_is_asked_for_signals_again_when_it_did_not_go_on()
    {
        using var guest = new FakeGuest(pollTime: TimeSpan.FromMilliseconds(50));
        guest.Server.Offer(_device);
        GuestChannel channel = guest.Open(Assert.Single(guest.Connect()));
        for (ulong id = 1; id <= 20; id++)
        {
            channel.Send(new byte[8], id);
            Assert.Equal(id, channel.Receive().Descriptor.TransactionId);
        }

        Gpa mask = Gpa.FromPage(channel.Channel.Pages.FirstPage) + RingControlPage.InterruptMask;
        byte[] word = [1];
        Assert.True(SpinWait.SpinUntil(() => guest.Memory.TryRead(mask, word) && word[0] == 0, FakeGuest.Patience));
        Assert.True(channel.Ring.Send(new byte[8], 21));
        channel.Kick();
        Assert.Equal(21ul, channel.Receive().Descriptor.TransactionId);
    }

    [Fact]
    public void Guest_that_stops_asking_gets_every_answer()
    {
        GuestChannel channel = Open();
        ulong id = 0;
        for (int burst = 1; burst <= 300; burst++)
        {
            // Bursts of all sizes: the host learns to wait for more, and each time it waits in vain.
            int packets = burst % 40;
            for (int i = 0; i < packets; i++)
            {
                if (channel.Ring.Send(new byte[8], ++id)) channel.Kick();
            }

            for (int i = packets - 1; i >= 0; i--) Assert.Equal(id - (ulong)i, channel.Receive().Descriptor.TransactionId);
        }
    }

    [Fact]
    public void Device_may_send_while_it_opens()
    {
        _device.OnOpen = channel => Assert.True(channel.TrySend(PacketType.DataInband, [], [1, 2, 3, 4, 5, 6, 7, 8], 7));
        GuestChannel guest = Open();
        Assert.Equal(7ul, guest.Receive().Descriptor.TransactionId);
    }

    [Fact]
    public void Packets_written_before_the_open_are_served_without_a_signal()
    {
        _guest.Server.Offer(_device);
        OfferChannel offer = Assert.Single(_guest.Connect());
        GuestChannel guest = _guest.Prepare(offer);
        _ = guest.Ring.Send(new byte[8], 5);
        _ = _guest.Open(guest);
        Assert.Equal(5ul, guest.Receive().Descriptor.TransactionId);
    }

    [Fact]
    public void Device_that_finds_a_fault_while_it_opens_is_closed_and_rescinded()
    {
        _device.OnOpen = channel => channel.Fail("the guest's version is too old");
        _guest.Server.Offer(_device);
        OfferChannel offer = Assert.Single(_guest.Connect());
        _guest.PostOpen(_guest.Prepare(offer));
        Assert.Equal(NtStatus.Unexpected, _guest.Expect<OpenChannelResult>().Status);
        Assert.Equal(offer.ChannelId, _guest.Expect<RescindChannelOffer>().ChannelId);
        Assert.True(_device.Last!.IsClosing);
        Assert.Empty(_guest.Ports.Bound);
    }

    [Fact]
    public void Answers_that_find_no_space_while_closing_are_dropped()
    {
        _device.HoldsClose = true;
        GuestChannel guest = Open(pagesPerRing: 2);
        _guest.Post(new CloseChannel(guest.Id));
        while (!_device.Last!.IsClosing) Thread.Yield();
        OpenChannel host = _device.Last.Channel;
        Assert.True(OnLane(() =>
        {
            bool all = true;
            for (ulong i = 0; i < 1000; i++) all &= host.TrySend(PacketType.Completion, [], new byte[64], i);
            return all;
        }));
        _device.Last.FinishClose();
        _guest.Teardown(guest.Id, guest.GpadlId);
    }

    [Fact]
    public void Corrupt_index_of_the_reader_fails_the_channel_when_the_host_sends()
    {
        GuestChannel guest = Open();
        guest.Ring.PokeInbound(RingControlPage.ReadIndex, 4);
        // The host looks at the guest's index when its own idea of the space runs out: after a ring full of answers.
        for (ulong sent = 0; sent < 200 && _guest.Ports.Bound.Count > 0;)
        {
            if (guest.Ring.Writer.TryWrite(PacketType.DataInband, [], new byte[1000], sent + 1, 1) != RingStatus.Ok) continue;
            sent++;
            if (guest.Ring.Writer.Commit()) _ = _guest.Ports.Kick(guest.ConnectionId);
        }

        Assert.Equal(guest.Id, _guest.Expect<RescindChannelOffer>().ChannelId);
    }

    [Fact]
    public void Corrupt_index_of_the_reader_fails_the_channel_at_the_first_answer()
    {
        GuestChannel guest = Open();
        guest.Ring.PokeInbound(RingControlPage.ReadIndex, 4);
        guest.Send(new byte[8]);
        Assert.Equal(guest.Id, _guest.Expect<RescindChannelOffer>().ChannelId);
    }

    [Fact]
    public void Turn_hands_over_a_bounded_number_of_packets()
    {
        var perBatch = new Dictionary<int, int>();
        _device.OnPacket = (channel, packet) =>
        {
            int batch = _device.Last!.Batches;
            perBatch[batch] = perBatch.GetValueOrDefault(batch) + 1;
            return channel.TrySend(PacketType.Completion, [], [], packet.TransactionId) ? PacketVerdict.Taken : PacketVerdict.Busy;
        };
        _guest.Server.Offer(_device);
        GuestChannel guest = _guest.Prepare(Assert.Single(_guest.Connect()));
        for (ulong i = 1; i <= 500; i++) _ = guest.Ring.Send(new byte[8], i);
        _ = _guest.Open(guest);
        for (ulong i = 1; i <= 500; i++) Assert.Equal(i, guest.Receive().Descriptor.TransactionId);
        Assert.Equal(128, perBatch.Values.Max());
    }

    [Fact]
    public void Signals_are_asked_for_again_when_no_completion_is_expected_any_more()
    {
        _device.OnPacket = (channel, _) =>
        {
            channel.ExpectsCompletions = true;
            return PacketVerdict.Taken;
        };
        GuestChannel guest = Open();
        guest.Send(new byte[8], 1);
        while (!OnLane(() => _device.Last!.Batches > 0 && _device.Last.Channel.ExpectsCompletions)) Thread.Yield();
        _ = OnLane(() => _device.Last!.Channel.ExpectsCompletions = false);
        while (guest.Ring.Outbound.ReadControl().InterruptMask != 0) Thread.Yield();
        Assert.True(guest.Ring.Send(new byte[8], 2));
    }

    [Fact]
    public void Nothing_is_published_after_a_violation()
    {
        _device.HoldsClose = true;
        _device.OnPacket = (_, _) => PacketVerdict.Violation;
        GuestChannel guest = Open();
        guest.Send(new byte[8], 1);
        while (_device.Last is not { IsClosing: true }) Thread.Yield();
        Assert.True(OnLane(() => _device.Last.Channel.TrySend(PacketType.Completion, [], new byte[8], 1)));
        _device.Last.FinishClose();
        Assert.Equal(guest.Id, _guest.Expect<RescindChannelOffer>().ChannelId);
        Assert.Equal(0u, guest.Ring.Inbound.ReadControl().WriteIndex);
    }

    [Fact]
    public void Eventfd_of_a_closed_channel_is_given_back()
    {
        GuestChannel guest = Open();
        Assert.False(_guest.Ports.LastBound!.IsClosed);
        _guest.Close(guest);
        Assert.True(_guest.Ports.LastBound.IsClosed);
    }

    private static void Exchange(GuestChannel channel, int packets)
    {
        Span<byte> payload = stackalloc byte[64];
        for (int sent = 0; sent < packets;)
        {
            for (int i = 0; i < 10; i++)
                Assert.Equal(RingStatus.Ok, channel.Ring.Writer.TryWrite(PacketType.DataInband, [], payload, (ulong)++sent, 1));
            if (channel.Ring.Writer.Commit()) channel.Kick();
            for (int i = 0; i < 10; i++) _ = channel.Receive();
        }
    }

    private GuestChannel Open(int pagesPerRing = 17)
    {
        _guest.Server.Offer(_device);
        return _guest.Open(Assert.Single(_guest.Connect()), pagesPerRing: pagesPerRing);
    }

    private long LaneAllocations()
    {
        long bytes = 0;
        _guest.Lanes[0].Invoke(() => bytes = GC.GetAllocatedBytesForCurrentThread());
        return bytes;
    }

    private bool OnLane(Func<bool> work)
    {
        bool result = false;
        _guest.Lanes[0].Invoke(() => result = work());
        return result;
    }
}
