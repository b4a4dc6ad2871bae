using VmBus.Bus.Channels;
using VmBus.Bus.Gpadls;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Bus.Tests.Channels;

/// <summary>What a guest can do to the state machine, version by version, in order and out of order.</summary>
public sealed class ChannelServerTests : IDisposable
{
    private readonly ServerHarness _bus = new(ProtocolVersion.V6_0);

    public static TheoryData<uint> AllVersions => [.. ProtocolVersion.All.Select(version => version.Value)];

    public void Dispose() => _bus.Dispose();

    [Theory]
    [MemberData(nameof(AllVersions))]
    public void Contact_is_answered_in_the_form_of_its_version(uint value)
    {
        var version = new ProtocolVersion(value);
        _bus.Contact(version, (FeatureFlags)0xFF);
        byte[] answer = Assert.Single(_bus.Sent);
        Assert.True(VersionResponse.TryRead(answer, out VersionResponse response));
        Assert.Equal(version.IsServed ? 1 : 0, response.Supported);
        Assert.Equal(version >= ProtocolVersion.V6_0 ? 20 : 16, answer.Length);
        uint expected = !version.IsServed ? 0 : version >= ProtocolVersion.V5_0 ? ConnectionIds.Message : value;
        Assert.Equal(expected, response.VersionOrConnectionId);
        Assert.Equal(version >= ProtocolVersion.V6_0 ? FeatureFlags.Served : null, response.Features);
        Assert.Equal(version.IsServed ? version : null, _bus.Server.Version);
    }

    [Fact]
    public void Version_above_the_maximum_is_refused_and_the_next_one_taken()
    {
        using var bus = new ServerHarness(ProtocolVersion.V4_1);
        bus.Contact(ProtocolVersion.V5_3);
        Assert.Null(bus.Server.Version);
        bus.Contact(ProtocolVersion.V4_1);
        Assert.Equal(ProtocolVersion.V4_1, bus.Server.Version);
    }

    [Theory]
    [InlineData(0x50004u, 2ul, 0ul, 0ul)]
    [InlineData(0x50003u, 3ul, 0ul, 0ul)]
    [InlineData(0x50003u, 0x102ul, 0ul, 0ul)]
    [InlineData(0x50003u, 2ul, 0x1000ul, 0ul)]
    [InlineData(0x50003u, 2ul, 0ul, 0x1000ul)]
    public void Contact_that_cannot_be_served_is_refused(uint version, ulong info, ulong page1, ulong page2)
    {
        _bus.Post(new InitiateContact(new ProtocolVersion(version), 0, info, page1, page2, Guid.Empty));
        Assert.True(VersionResponse.TryRead(Assert.Single(_bus.Sent), out VersionResponse response));
        Assert.Equal(0, response.Supported);
        Assert.Null(_bus.Server.Version);
    }

    [Theory]
    [InlineData(0x20004u, "")]
    [InlineData(0x50002u, "")]
    [InlineData(0x50003u, "MODIFYCHANNEL_RESPONSE")]
    public void Move_is_answered_from_5_3_on(uint version, string answer)
    {
        uint id = _bus.Offer();
        _bus.Contact(new ProtocolVersion(version));
        _bus.Post(new RequestOffers());
        _bus.Open(id, 1);
        _ = _bus.Take();
        _bus.Post(new ModifyChannel(id, 1));
        if (version < 0x40001)
        {
            Assert.Equal("refused NotNegotiated", _bus.Take());
            return;
        }

        Assert.Equal("move", _bus.Take());
        _bus.CompleteMove(id);
        Assert.Equal(answer, _bus.Take());
    }

    [Theory]
    [InlineData(0x30000u, "refused NotNegotiated")]
    [InlineData(0x40000u, "")]
    [InlineData(0x40001u, "TL_CONNECT_RESULT")]
    public void Connect_without_a_listener_is_refused_as_the_version_can(uint version, string expected)
    {
        _bus.Contact(new ProtocolVersion(version));
        _ = _bus.Take();
        _bus.Post(new TlConnectRequest(Guid.NewGuid(), Guid.NewGuid(), Guid.Empty));
        Assert.Equal(expected, _bus.Take());
    }

    [Fact]
    public void Messages_of_the_host_are_refused_from_the_guest_at_any_time()
    {
        var message = new byte[240];
        foreach (ClientBoundType type in Enum.GetValues<ClientBoundType>())
        {
            WriteUInt32LittleEndian(message, (uint)type);
            _bus.Server.Receive(message);
        }

        _bus.Contact(ProtocolVersion.V6_0, FeatureFlags.Served);
        foreach (ClientBoundType type in Enum.GetValues<ClientBoundType>())
        {
            WriteUInt32LittleEndian(message, (uint)type);
            _bus.Server.Receive(message);
        }

        Assert.Equal(2 * Enum.GetValues<ClientBoundType>().Length, _bus.Server.RefusalCount(Refusal.HostOnly));
        Assert.Single(_bus.Sent);
    }

    [Fact]
    public void Messages_before_contact_are_refused()
    {
        uint id = _bus.Offer();
        _bus.Post(new RequestOffers());
        _bus.PostOpen(id, 1);
        _bus.PostGpadl(id, 1);
        Assert.Equal("refused NotConnected, refused NotConnected, refused NotConnected", _bus.Take());
    }

    [Fact]
    public void Unload_without_a_connection_is_answered()
    {
        _bus.Post(new Unload());
        Assert.Equal("UNLOAD_RESPONSE", _bus.Take());
    }

    [Fact]
    public void Offers_are_sent_once_for_each_connection_and_keep_their_ids()
    {
        uint[] ids = [_bus.Offer(), _bus.Offer(), _bus.Offer()];
        Assert.Equal([1u, 2u, 3u], ids);
        _bus.Contact();
        _bus.Post(new RequestOffers());
        _bus.Post(new RequestOffers());
        Assert.Equal("VERSION_RESPONSE, OFFER_CHANNEL, OFFER_CHANNEL, OFFER_CHANNEL, ALL_OFFERS_DELIVERED, refused BadState", _bus.Take());
        _bus.Contact();
        _bus.Post(new RequestOffers());
        Assert.Equal("VERSION_RESPONSE, OFFER_CHANNEL, OFFER_CHANNEL, OFFER_CHANNEL, ALL_OFFERS_DELIVERED", _bus.Take());
    }

    [Fact]
    public void Device_added_later_is_offered_at_once()
    {
        _bus.Contact();
        _bus.Post(new RequestOffers());
        _ = _bus.Take();
        _ = _bus.Offer();
        Assert.Equal("OFFER_CHANNEL", _bus.Take());
    }

    [Fact]
    public void Instance_of_a_removed_device_is_offered_again_only_after_its_release()
    {
        var instance = Guid.NewGuid();
        uint first = _bus.Offer(instance);
        _bus.Contact();
        _bus.Post(new RequestOffers());
        _ = _bus.Take();
        _bus.Server.Remove(first);
        Assert.Equal("RESCIND_CHANNEL_OFFER, device stopped", _bus.Take());
        uint second = _bus.Offer(instance);
        Assert.NotEqual(first, second);
        Assert.Equal("", _bus.Take());
        _bus.Post(new RelIdReleased(first));
        Assert.Equal("OFFER_CHANNEL", _bus.Take());
        Assert.Equal(first, _bus.Offer());
    }

    [Fact]
    public void Ids_run_out_after_2047_channels()
    {
        for (int i = 1; i <= 2047; i++) _ = _bus.Offer();
        Assert.Null(_bus.Server.Offer(new(Guid.NewGuid(), Guid.NewGuid())));
    }

    [Theory]
    [InlineData(8, 4u, true)]
    [InlineData(4, 2u, true)]
    [InlineData(8, 0u, false)]
    [InlineData(8, 1u, false)]
    [InlineData(8, 7u, false)]
    [InlineData(8, 8u, false)]
    [InlineData(8, uint.MaxValue, false)]
    [InlineData(3, 2u, false)]
    [InlineData(1, 0u, false)]
    public void Rings_need_two_pages_each(int pages, uint downstream, bool opens)
    {
        uint id = _bus.Offer();
        _bus.Contact();
        _bus.Post(new RequestOffers());
        _bus.PostGpadl(id, 7, pages);
        _ = _bus.Take();
        _bus.PostOpen(id, 7, downstream);
        Assert.Equal(opens ? "start" : "OPEN_CHANNEL_RESULT failed, refused BadRing", _bus.Take());
        if (!opens) return;
        Assert.Equal((int)downstream, _bus.LastStart!.FromGuest.Sum(run => run.PageCount));
        Assert.Equal(pages - (int)downstream, _bus.LastStart.ToGuest.Sum(run => run.PageCount));
    }

    [Fact]
    public void Open_with_the_gpadl_of_another_channel_or_one_in_use_fails()
    {
        uint first = _bus.Opened();
        uint second = _bus.Offer();
        _ = _bus.Take();
        _bus.PostOpen(second, 100);
        Assert.Equal("OPEN_CHANNEL_RESULT failed, refused UnknownGpadl", _bus.Take());
        _bus.Post(new CloseChannel(first));
        _bus.Post(new GpadlTeardown(first, 100));
        _bus.PostOpen(first, 100);
        _ = _bus.Take();
        _bus.CompleteClose(first);
        Assert.Equal("GPADL_TORNDOWN, OPEN_CHANNEL_RESULT failed", _bus.Take());
    }

    [Fact]
    public void Subchannels_end_before_their_primary_does()
    {
        uint primary = _bus.Opened();
        _bus.Server.OfferSubchannels(primary, 2);
        _bus.Open(2, 200);
        _ = _bus.Take();
        _bus.Server.Remove(primary);
        // Of the two sub-channels one was only offered, the other is open and has to stop.
        Assert.Equal("stop, stop, RESCIND_CHANNEL_OFFER", _bus.Take());
        _bus.CompleteClose(primary);
        Assert.Equal("", _bus.Take());
        _bus.CompleteClose(2);
        Assert.Equal("RESCIND_CHANNEL_OFFER, RESCIND_CHANNEL_OFFER, device stopped", _bus.Take());
        Assert.True(RescindChannelOffer.TryRead(_bus.Sent[^1], out RescindChannelOffer last));
        Assert.Equal(primary, last.ChannelId);
    }

    [Fact]
    public void Subchannels_follow_the_count_that_the_device_asks_for()
    {
        uint primary = _bus.Opened();
        _ = _bus.Take();
        _bus.Server.OfferSubchannels(primary, 3);
        Assert.Equal("OFFER_CHANNEL, OFFER_CHANNEL, OFFER_CHANNEL", _bus.Take());
        _bus.Server.OfferSubchannels(primary, 1);
        Assert.Equal("RESCIND_CHANNEL_OFFER, RESCIND_CHANNEL_OFFER", _bus.Take());
        _bus.Server.OfferSubchannels(primary, 2);
        Assert.Equal("OFFER_CHANNEL", _bus.Take());
        // Ids 3 and 4 are rescinded and not released.
        Assert.Equal([1u, 2u, 3u, 4u, 5u], _bus.Server.Capture().Channels.Select(channel => channel.Id));
    }

    [Fact]
    public void Subchannel_of_a_primary_that_is_not_open_cannot_be_opened()
    {
        uint primary = _bus.Opened();
        _bus.Server.OfferSubchannels(primary, 1);
        _bus.PostGpadl(2, 200);
        _bus.Post(new CloseChannel(primary));
        _ = _bus.Take();
        _bus.PostOpen(2, 200);
        Assert.Equal("OPEN_CHANNEL_RESULT failed", _bus.Take());
        Assert.Equal(ChannelState.Rescinded, _bus.Channel(2).State);
    }

    [Fact]
    public void Contact_while_channels_stop_waits_and_only_the_last_one_is_answered()
    {
        uint id = _bus.Opened();
        _ = _bus.Take();
        _bus.Contact(ProtocolVersion.V4_0);
        _bus.Contact(ProtocolVersion.V5_0);
        _bus.Post(new RequestOffers());
        Assert.Equal("stop, refused NotConnected", _bus.Take());
        _bus.CompleteClose(id);
        Assert.Equal("VERSION_RESPONSE", _bus.Take());
        Assert.Equal(ProtocolVersion.V5_0, _bus.Server.Version);
        Assert.Empty(_bus.Server.Capture().Gpadls);
    }

    [Fact]
    public void Reset_while_the_guest_unloads_completes_without_an_answer_to_it()
    {
        uint id = _bus.Opened();
        _ = _bus.Take();
        _bus.Post(new Unload());
        _bus.Server.Reset();
        _bus.CompleteClose(id);
        Assert.Equal("stop, reset done", _bus.Take());
    }

    [Fact]
    public void Pause_holds_messages_until_the_guest_resumes()
    {
        _bus.Contact(ProtocolVersion.V6_0, FeatureFlags.PauseResume);
        _bus.Post(new RequestOffers());
        _ = _bus.Take();
        _bus.Post(new Pause());
        _ = _bus.Offer();
        _bus.Post(new RequestOffers());
        Assert.Equal("PAUSE_RESPONSE, refused Paused", _bus.Take());
        _bus.Post(new Resume());
        Assert.Equal("OFFER_CHANNEL", _bus.Take());
    }

    [Fact]
    public void Features_that_were_not_agreed_on_do_not_exist()
    {
        _bus.Contact(ProtocolVersion.V6_0, FeatureFlags.ClientId);
        _ = _bus.Take();
        _bus.Post(new Pause());
        _bus.Post(new ModifyConnection(0, 0));
        Assert.Equal("refused NotNegotiated, refused NotNegotiated", _bus.Take());
    }

    [Theory]
    [InlineData(0ul, 0ul, ConnectionStatus.Successful)]
    [InlineData(0x1000ul, 0x2000ul, ConnectionStatus.Successful)]
    [InlineData(0x1000ul, 0ul, ConnectionStatus.UnknownFailure)]
    public void Modify_connection_takes_both_monitor_pages_or_none(ulong page1, ulong page2, ConnectionStatus expected)
    {
        _bus.Contact(ProtocolVersion.V6_0, FeatureFlags.ModifyConnection);
        _bus.Post(new ModifyConnection(page1, page2));
        Assert.True(ModifyConnectionResponse.TryRead(_bus.Sent[^1], out ModifyConnectionResponse response));
        Assert.Equal(expected, response.Status);
    }

    [Theory]
    [InlineData(5u, 9, 0, true)]
    [InlineData(0xFFFFFFu, 2047, 0, true)]
    [InlineData(4u, 9, 0, false)]
    [InlineData(0x1000000u, 9, 0, false)]
    [InlineData(0x2002u, 9, 0, false)]
    [InlineData(5u, 0, 0, false)]
    [InlineData(5u, 2048, 0, false)]
    [InlineData(5u, 9, 1, false)]
    public void Guest_chooses_connection_and_flag_at_6_0(uint connection, int flag, int flags, bool opens)
    {
        uint id = _bus.Offer();
        _ = _bus.Offer();
        _bus.Contact(ProtocolVersion.V6_0, FeatureFlags.GuestSpecifiedSignalParameters);
        _bus.Post(new RequestOffers());
        _bus.PostGpadl(id, 1);
        _ = _bus.Take();
        _bus.PostOpen(id, 1, connectionId: connection, flag: (ushort)flag, flags: (ushort)flags);
        Assert.Equal(opens ? "start" : "OPEN_CHANNEL_RESULT failed, refused BadState", _bus.Take());
        if (opens) Assert.Equal((connection, (uint)flag), (_bus.LastStart!.ConnectionId, _bus.LastStart.EventFlag));
    }

    [Fact]
    public void Reserved_channel_opens_without_an_answer_and_closes_with_one()
    {
        uint id = _bus.Offer();
        _bus.Contact();
        _bus.Post(new RequestOffers());
        _bus.PostGpadl(id, 1);
        _ = _bus.Take();
        _bus.Post(new OpenReservedChannel(id, 0, 2, 1, 4));
        Assert.Equal(SyntheticInterrupts.NoProcessor, _bus.LastStart!.TargetProcessor);
        _bus.Complete(id, opened: true);
        _bus.Post(new CloseChannel(id));
        Assert.Equal("start, refused BadState", _bus.Take());
        _bus.Post(new CloseReservedChannel(id, 0, 2));
        _bus.CompleteClose(id);
        Assert.Equal("stop, CLOSE_RESERVED_CHANNEL_RESPONSE", _bus.Take());
        Assert.Equal(ChannelState.Offered, _bus.Channel(id).State);
    }

    [Fact]
    public void Gpadl_quotas_hold()
    {
        uint id = _bus.Offer();
        _bus.Contact();
        _bus.Post(new RequestOffers());
        for (uint gpadl = 1; gpadl <= GpadlLimits.MaximumPerChannel; gpadl++) _bus.PostGpadl(id, gpadl, 1);
        _ = _bus.Take();
        _bus.PostGpadl(id, 9999, 1);
        Assert.Equal("GPADL_CREATED failed, refused Quota", _bus.Take());
        _bus.Post(new GpadlTeardown(id, 1));
        _bus.PostGpadl(id, 9999, 1);
        Assert.Equal("GPADL_TORNDOWN, GPADL_CREATED", _bus.Take());
    }

    [Fact]
    public void Incomplete_gpadls_are_bounded()
    {
        uint id = _bus.Offer();
        _bus.Contact();
        _bus.Post(new RequestOffers());
        _ = _bus.Take();
        for (uint gpadl = 1; gpadl <= GpadlLimits.MaximumIncomplete; gpadl++) _bus.Post(new GpadlHeader(id, gpadl, 0xFFF8, 1));
        Assert.Equal("", _bus.Take());
        _bus.Post(new GpadlHeader(id, 9999, 0xFFF8, 1));
        Assert.Equal("GPADL_CREATED failed, refused Quota", _bus.Take());
        _bus.Post(new GpadlTeardown(id, 5));
        _bus.Post(new GpadlHeader(id, 9999, 0xFFF8, 1));
        Assert.Equal("GPADL_TORNDOWN", _bus.Take());
    }

    [Theory]
    [InlineData(16, 0, 4096u, 0u, 16ul)]
    [InlineData(16, 2, 4096u, 0u, 16ul)]
    [InlineData(12, 1, 4096u, 0u, 16ul)]
    [InlineData(8, 1, 4096u, 0u, 16ul)]
    [InlineData(16, 1, 0u, 0u, 16ul)]
    [InlineData(16, 1, 4097u, 0u, 16ul)]
    [InlineData(16, 1, 4096u, 1u, 16ul)]
    [InlineData(16, 1, 1u, 4096u, 16ul)]
    [InlineData(16, 1, uint.MaxValue, 4095u, 16ul)]
    [InlineData(16, 1, 4096u, 0u, 4096ul)]
    [InlineData(16, 1, 4096u, 0u, ulong.MaxValue)]
    [InlineData(16, 1, 4096u, 0u, 1ul << 52)]
    public void Malformed_gpadl_is_refused(int rangeBytes, int rangeCount, uint byteCount, uint byteOffset, ulong page)
    {
        uint id = _bus.Offer();
        _bus.Contact();
        _bus.Post(new RequestOffers());
        _ = _bus.Take();
        var ranges = new byte[16];
        WriteUInt32LittleEndian(ranges, byteCount);
        WriteUInt32LittleEndian(ranges.AsSpan(4), byteOffset);
        WriteUInt64LittleEndian(ranges.AsSpan(8), page);
        _bus.Post(new GpadlHeader(id, 1, (ushort)rangeBytes, (ushort)rangeCount), ranges);
        Assert.Equal("GPADL_CREATED failed, refused BadGpadl", _bus.Take());
        Assert.Empty(_bus.Server.Capture().Gpadls);
    }

    [Fact]
    public void Bodies_of_gpadls_may_interleave_and_padding_is_ignored()
    {
        uint id = _bus.Offer();
        _bus.Contact();
        _bus.Post(new RequestOffers());
        _ = _bus.Take();
        var head = new byte[8];
        WriteUInt32LittleEndian(head, 2 * 4096);
        var page = new byte[8];
        WriteUInt64LittleEndian(page, 33);
        _bus.Post(new GpadlHeader(id, 1, 24, 1), head);
        _bus.Post(new GpadlHeader(id, 2, 24, 1), head);
        foreach (uint gpadl in new uint[] { 1, 2, 2 }) _bus.Post(new GpadlBody(0, gpadl), page);
        Assert.Equal("GPADL_CREATED", _bus.Take());
        _bus.Post(new GpadlBody(0, 1), new byte[200]);
        Assert.Equal("GPADL_CREATED", _bus.Take());
        _bus.Post(new GpadlBody(0, 1), page);
        Assert.Equal("refused UnknownGpadl", _bus.Take());
    }

    [Fact]
    public void Teardown_of_something_unknown_is_answered()
    {
        _bus.Contact();
        _ = _bus.Take();
        _bus.Post(new GpadlTeardown(77, 88));
        Assert.Equal("GPADL_TORNDOWN, refused UnknownGpadl", _bus.Take());
    }
}
