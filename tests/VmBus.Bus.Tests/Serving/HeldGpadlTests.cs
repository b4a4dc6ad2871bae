using VmBus.Bus.Channels;
using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.TestKit.Bus;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Bus.Tests.Serving;

/// <summary>Buffers that a device uses beside the rings: whose they are, and when the guest gets them back.</summary>
public sealed class HeldGpadlTests : IDisposable
{
    private readonly FakeGuest _guest = new(laneCount: 2);
    private readonly EchoDevice _device = new();
    private readonly Holder _holder = new();
    private GuestChannel? _channel;

    public void Dispose()
    {
        _guest.Dispose();
        _holder.Dispose();
    }

    [Fact]
    public void Taken_gpadl_reaches_the_guests_scattered_pages_in_their_order()
    {
        PageRun first = _guest.AllocatePages(2), second = _guest.AllocatePages(1), third = _guest.AllocatePages(3);
        HeldGpadl held = Take(Describe(third, first, second))!;
        Assert.Equal(6 * Gpa.PageBytes, held.Memory.Bytes);
        Assert.True(held.Memory.TryWrite((3 * Gpa.PageBytes) - 1, [1, 2]));
        var bytes = new byte[1];
        Assert.True(_guest.Memory.TryRead(Gpa.FromPage(third.FirstPage + 2) + (Gpa.PageBytes - 1), bytes));
        Assert.Equal(1, bytes[0]);
        Assert.True(_guest.Memory.TryRead(Gpa.FromPage(first.FirstPage), bytes));
        Assert.Equal(2, bytes[0]);
    }

    [Fact]
    public void Device_may_ask_while_it_opens()
    {
        uint gpadl = 0;
        _device.OnOpen = channel => Assert.True(channel.TryTakeGpadl(gpadl, _holder));
        _guest.Server.Offer(_device);
        OfferChannel offer = Assert.Single(_guest.Connect());
        (gpadl, _) = _guest.CreateGpadl(offer.ChannelId, _guest.AllocatePages(1));
        _ = _guest.Open(offer);
        Assert.NotNull(_holder.Next());
    }

    [Fact]
    public void Device_that_refuses_to_open_leaves_what_it_asked_for()
    {
        uint gpadl = 0;
        _device.Refuses = true;
        _device.OnOpen = channel => Assert.True(channel.TryTakeGpadl(gpadl, _holder));
        _guest.Server.Offer(_device);
        OfferChannel offer = Assert.Single(_guest.Connect());
        (gpadl, _) = _guest.CreateGpadl(offer.ChannelId, _guest.AllocatePages(1));
        Assert.NotEqual(NtStatus.Success, _guest.Open(_guest.Prepare(offer)));
        _guest.Teardown(offer.ChannelId, gpadl);
        Assert.Equal(0, _holder.Answers);
    }

    [Fact]
    public void Unknown_handle_is_not_given() => Assert.Null(Take(0xBAD));

    [Fact]
    public void Handle_of_another_channel_is_not_given()
    {
        _guest.Server.Offer(_device);
        _guest.Server.Offer(new EchoDevice());
        IReadOnlyList<OfferChannel> offers = _guest.Connect();
        (uint foreign, _) = _guest.CreateGpadl(offers[1].ChannelId, _guest.AllocatePages(1));
        _channel = _guest.Open(offers[0]);
        Assert.Null(Take(foreign));
        _guest.Teardown(offers[1].ChannelId, foreign);
    }

    [Fact]
    public void Rings_and_several_ranges_are_not_given()
    {
        GuestChannel channel = Channel();
        Assert.Null(Take(channel.GpadlId));
        var ranges = new byte[32];
        foreach (int at in new[] { 0, 16 })
        {
            WriteUInt32LittleEndian(ranges.AsSpan(at), Gpa.PageBytes);
            WriteUInt64LittleEndian(ranges.AsSpan(at + 8), _guest.AllocatePages(1).FirstPage);
        }

        _guest.Post(new GpadlHeader(channel.Id, 77, 32, 2), ranges);
        Assert.Equal(NtStatus.Success, _guest.Expect<GpadlCreated>().Status);
        Assert.Null(Take(77));
        _guest.Teardown(channel.Id, 77);
    }

    [Fact]
    public void Gpadl_that_a_device_holds_cannot_hold_rings()
    {
        uint gpadl = Describe(_guest.AllocatePages(8));
        HeldGpadl held = Take(gpadl)!;
        _device.HoldsClose = true;
        _guest.Post(new CloseChannel(_channel!.Id));
        while (!_device.Last!.IsClosing) Thread.Yield();
        // The reopen waits for the close; then the buffer is free again.
        _guest.Post(new OpenChannelRequest(_channel.Id, 1, gpadl, 0, 4, default, 0, 0, 0));
        _device.HoldsClose = false;
        _device.Last.FinishClose();
        Assert.Equal(NtStatus.Success, _guest.Expect<OpenChannelResult>().Status);
        // What was held before the close means nothing to the next open.
        OnLane(held.Release);
        _guest.Post(new GpadlTeardown(_channel.Id, gpadl));
        (_, NtStatus status) = _guest.CreateGpadl(_channel.Id, _guest.AllocatePages(1));
        Assert.Equal(NtStatus.Success, status);
    }

    [Fact]
    public void Teardown_asks_the_device_once_and_is_answered_when_it_releases()
    {
        uint gpadl = Describe(_guest.AllocatePages(2));
        HeldGpadl held = Take(gpadl)!;
        for (int i = 0; i < 3; i++) _guest.Post(new GpadlTeardown(_channel!.Id, gpadl));
        Assert.Equal(held, _holder.NextWanted());
        // Answered at once although it was posted later: the teardowns were read, and are held back.
        _ = Describe(_guest.AllocatePages(1));
        OnLane(held.Release);
        Assert.Equal(gpadl, _guest.Expect<GpadlTorndown>().GpadlId);
        Assert.Equal(0, _holder.WantedCount);
        Assert.Null(Take(gpadl));
    }

    [Fact]
    public void Gpadl_whose_teardown_waits_is_not_given_again()
    {
        uint gpadl = Describe(_guest.AllocatePages(2));
        HeldGpadl held = Take(gpadl)!;
        _guest.Post(new GpadlTeardown(_channel!.Id, gpadl));
        Assert.Equal(held, _holder.NextWanted());
        OnLane(() =>
        {
            held.Release();
            Assert.True(_device.Last!.Channel.TryTakeGpadl(gpadl, _holder));
        });
        Assert.Null(_holder.Next());
        Assert.Equal(gpadl, _guest.Expect<GpadlTorndown>().GpadlId);
    }

    [Fact]
    public void Release_before_the_teardown_lets_it_be_answered_at_once_and_the_gpadl_be_taken_again()
    {
        uint gpadl = Describe(_guest.AllocatePages(2));
        HeldGpadl first = Take(gpadl)!;
        OnLane(() =>
        {
            first.Release();
            first.Release();
        });
        HeldGpadl second = Take(gpadl)!;
        // A stale release takes nothing from whoever holds it now.
        OnLane(first.Release);
        _guest.Post(new GpadlTeardown(_channel!.Id, gpadl));
        Assert.Equal(second, _holder.NextWanted());
        OnLane(second.Release);
        Assert.Equal(gpadl, _guest.Expect<GpadlTorndown>().GpadlId);
    }

    [Fact]
    public void Close_gives_back_what_the_device_never_released()
    {
        uint gpadl = Describe(_guest.AllocatePages(2));
        _ = Take(gpadl);
        _device.HoldsClose = true;
        _guest.Post(new CloseChannel(_channel!.Id));
        while (!_device.Last!.IsClosing) Thread.Yield();
        _guest.Post(new GpadlTeardown(_channel.Id, gpadl));
        _ = Describe(_guest.AllocatePages(1));
        _device.Last.FinishClose();
        Assert.Equal(gpadl, _guest.Expect<GpadlTorndown>().GpadlId);
        Assert.Equal(0, _holder.WantedCount);
    }

    [Fact]
    public void Close_before_the_answer_takes_it_away()
    {
        uint gpadl = Describe(_guest.AllocatePages(2));
        _device.HoldsClose = true;
        _device.OnPacket = (channel, _) =>
        {
            Assert.True(channel.TryTakeGpadl(gpadl, _holder));
            channel.Fail("closed at once");
            Assert.False(channel.TryTakeGpadl(gpadl + 1, _holder));
            return PacketVerdict.Taken;
        };
        _channel!.Send(new byte[8]);
        while (!_device.Last!.IsClosing) Thread.Yield();
        _device.Last.FinishClose();
        Assert.Equal(_channel.Id, _guest.Expect<RescindChannelOffer>().ChannelId);
        _guest.Teardown(_channel.Id, gpadl);
        Assert.Equal(0, _holder.Answers);
    }

    [Fact]
    public void Subchannels_keep_their_primarys_buffers_until_they_have_stopped()
    {
        _device.OnOpen = channel =>
        {
            if (channel.SubchannelIndex == 0) channel.OfferSubchannels(1);
        };
        GuestChannel primary = Channel();
        EchoEndpoint main = _device.Last!;
        uint gpadl = Describe(_guest.AllocatePages(2));
        OnLane(() => Assert.True(main.Channel.TryTakeGpadl(gpadl, _holder)));
        Assert.NotNull(_holder.Next());
        _ = _guest.Open(_guest.TakeOffer());
        EchoEndpoint sub = _device.Last!;
        _device.HoldsClose = true;
        _guest.Post(new CloseChannel(primary.Id));
        while (!main.IsClosing || !sub.IsClosing) Thread.Yield();
        main.FinishClose();
        _guest.Post(new GpadlTeardown(primary.Id, gpadl));
        _guest.Post(new GpadlTeardown(primary.Id, primary.GpadlId));
        Assert.Equal(primary.GpadlId, _guest.Expect<GpadlTorndown>().GpadlId);
        sub.FinishClose();
        _ = _guest.Expect<RescindChannelOffer>();
        Assert.Equal(gpadl, _guest.Expect<GpadlTorndown>().GpadlId);
    }

    [Fact]
    public void Device_holds_a_bounded_number()
    {
        GuestChannel channel = Channel();
        var gpadls = new List<uint>();
        for (int i = 0; i < 17; i++) gpadls.Add(Describe(_guest.AllocatePages(1)));
        OnLane(() =>
        {
            foreach (uint gpadl in gpadls.Take(16)) Assert.True(_device.Last!.Channel.TryTakeGpadl(gpadl, _holder));
            Assert.False(_device.Last!.Channel.TryTakeGpadl(gpadls[0], _holder));
            Assert.False(_device.Last.Channel.TryTakeGpadl(gpadls[16], _holder));
        });
        for (int i = 0; i < 16; i++) Assert.NotNull(_holder.Next());
        // A connection that ends has no one to answer to, and leaves nothing.
        _guest.Unload();
        Assert.Equal(ChannelState.Unoffered, Assert.Single(_guest.Server.Describe(), info => info.Id == channel.Id).State);
    }

    private GuestChannel Channel()
    {
        if (_channel is not null) return _channel;
        _guest.Server.Offer(_device);
        return _channel = _guest.Open(Assert.Single(_guest.Connect()));
    }

    private uint Describe(params IReadOnlyList<PageRun> pages)
    {
        (uint id, NtStatus status) = _guest.CreateGpadl(Channel().Id, pages);
        Assert.Equal(NtStatus.Success, status);
        return id;
    }

    private HeldGpadl? Take(uint gpadl)
    {
        _ = Channel();
        OnLane(() => Assert.True(_device.Last!.Channel.TryTakeGpadl(gpadl, _holder)));
        return _holder.Next();
    }

    private void OnLane(Action work) => _device.Last!.Channel.Lane.Invoke(work);

    private sealed class Holder : IGpadlHolder, IDisposable
    {
        private readonly System.Collections.Concurrent.BlockingCollection<HeldGpadl?> _taken = [];
        private readonly System.Collections.Concurrent.BlockingCollection<HeldGpadl> _wanted = [];

        public int Answers => _taken.Count;

        public int WantedCount => _wanted.Count;

        public void GpadlTaken(uint gpadlId, HeldGpadl? gpadl)
        {
            Assert.True(gpadl is null || gpadl.Id == gpadlId);
            _taken.Add(gpadl);
        }

        public void GpadlWanted(HeldGpadl gpadl) => _wanted.Add(gpadl);

        public HeldGpadl? Next()
            => _taken.TryTake(out HeldGpadl? gpadl, FakeGuest.Patience) ? gpadl : throw new TimeoutException("The bus did not answer.");

        public HeldGpadl NextWanted()
            => _wanted.TryTake(out HeldGpadl? gpadl, FakeGuest.Patience) ? gpadl : throw new TimeoutException("Nobody was asked.");

        public void Dispose()
        {
            _taken.Dispose();
            _wanted.Dispose();
        }
    }
}
