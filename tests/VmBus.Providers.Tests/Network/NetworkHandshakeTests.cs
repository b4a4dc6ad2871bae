using System.Buffers.Binary;
using VmBus.Bus.Devices;
using VmBus.Network.Links;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.Providers.Network;
using Xunit;

namespace VmBus.Providers.Tests.Network;

/// <summary>Versions, buffers, sub-channels, and how a channel ends and begins again.</summary>
public sealed class NetworkHandshakeTests
{
    [Theory]
    [InlineData(NvspVersion.V1, 32)]
    [InlineData(NvspVersion.V2, 32)]
    [InlineData(NvspVersion.V4, 32)]
    [InlineData(NvspVersion.V5, 32)]
    [InlineData(NvspVersion.V6, 32)]
    [InlineData(NvspVersion.V61, 40)]
    public void Version_that_is_known_is_taken(NvspVersion version, int bytes)
    {
        using var guest = new NetworkGuest();
        guest.Connect(version);
        byte[] answer = guest.Ask(NetworkGuest.Message(m => new NvspSubchannelRequest(1, 0).Write(m)));
        if (version >= NvspVersion.V5) Assert.Equal(bytes, answer.Length);
        guest.Start(coalescing: false);
        Assert.True(guest.Channel.Queue!.Deliver(TestFrames.Plain(60)));
        HostPacket received = guest.TakeReceived();
        Assert.Equal(bytes, received.Payload.Length);
        Assert.Equal(TestFrames.Plain(60), Assert.Single(guest.Frames(received)).Data);
    }

    [Fact]
    public void Version_that_is_unknown_is_refused_and_the_guest_may_ask_again()
    {
        using var guest = new NetworkGuest();
        Assert.Equal(NvspStatus.ProtocolUnsupported, guest.Initialize((NvspVersion)0x70000));
        Assert.Equal(NvspStatus.Success, guest.Initialize(NvspVersion.V6));
    }

    [Theory]
    [InlineData(NvspMessageType.SendReceiveBuffer)]
    [InlineData(NvspMessageType.SendSendBuffer)]
    [InlineData(NvspMessageType.SendNdisConfiguration)]
    [InlineData(NvspMessageType.Subchannel)]
    [InlineData(NvspMessageType.RevokeReceiveBuffer)]
    [InlineData(NvspMessageType.RevokeSendBuffer)]
    [InlineData(NvspMessageType.InitializeComplete)]
    [InlineData(NvspMessageType.SendIndirectionTable)]
    [InlineData(NvspMessageType.PacketDirect)]
    [InlineData(NvspMessageType.OidQuery)]
    [InlineData((NvspMessageType)0xFFFFFFFF)]
    public void Request_that_does_not_fit_the_state_is_refused(NvspMessageType type)
    {
        using var guest = new NetworkGuest();
        NvspStatus status = guest.AskStatus(NetworkGuest.Message(m => BinaryPrimitives.WriteUInt32LittleEndian(m, (uint)type)));
        Assert.NotEqual(NvspStatus.Success, status);
        Assert.Equal(1, guest.Provider.Counters.Refused);
        guest.Connect();
    }

    [Fact]
    public void Short_requests_are_refused()
    {
        using var guest = new NetworkGuest();
        for (int bytes = 4; bytes < 8; bytes++)
        {
            foreach (NvspMessageType type in Enum.GetValues<NvspMessageType>())
            {
                byte[] message = new byte[bytes];
                BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)type);
                byte[] answer = guest.Ask(message);
                if (type != NvspMessageType.SwitchDataPath) Assert.NotEqual(1u, BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(4)));
            }
        }
    }

    [Fact]
    public void Sections_are_made_for_the_mtu()
    {
        using NetworkGuest usual = NetworkGuest.Ready(NvspVersion.V5);
        Assert.Equal((2048, 8192), (usual.SectionBytes, usual.SectionCount));
        using NetworkGuest coalescing = NetworkGuest.Ready();
        Assert.Equal((32768, 512), (coalescing.SectionBytes, coalescing.SectionCount));
        Assert.True(ReceiveLayout.TryDivide(16 << 20, 1500, 16, coalescing: true, out ReceiveLayout wide));
        Assert.Equal((8192, 2048), (wide.SectionBytes, wide.SectionCount));
        Assert.True(ReceiveLayout.TryDivide(100 * 32768, 1500, 2, coalescing: true, out ReceiveLayout asked));
        Assert.Equal((32768, 100), (asked.SectionBytes, asked.SectionCount));
        using NetworkGuest jumbo = NetworkGuest.Ready(NvspVersion.V5, mtu: 9000);
        Assert.Equal(10240, jumbo.SectionBytes);
        Assert.Equal(9000u, BinaryPrimitives.ReadUInt32LittleEndian(jumbo.Query(NdisOid.MaximumFrameSize).Value));
    }

    [Fact]
    public void Mtu_that_the_link_cannot_carry_becomes_the_usual_one()
    {
        using NetworkGuest guest = NetworkGuest.Ready(mtu: 9001);
        Assert.Equal(1500u, BinaryPrimitives.ReadUInt32LittleEndian(guest.Query(NdisOid.MaximumFrameSize).Value));
    }

    [Fact]
    public void Buffer_that_does_not_exist_is_refused()
    {
        using var guest = new NetworkGuest();
        guest.Initialize(NvspVersion.V61);
        byte[] answer = guest.Ask(NetworkGuest.Message(m => new NvspBuffer(0x999, 0xCAFE).Write(m, NvspMessageType.SendReceiveBuffer)));
        Assert.True(answer.Length >= 28);
        Assert.True(NvspReceiveSections.TryRead(answer, out NvspReceiveSections sections));
        Assert.Equal(NvspStatus.Failure, sections.Status);
        answer = guest.Ask(NetworkGuest.Message(m => new NvspBuffer(0x999, 0).Write(m, NvspMessageType.SendSendBuffer)));
        Assert.True(NvspSendSections.TryRead(answer, out NvspSendSections send));
        Assert.Equal(NvspStatus.Failure, send.Status);
        guest.Connect();
    }

    [Fact]
    public void Request_without_the_completion_flag_or_with_id_0_has_no_answer()
    {
        using var guest = new NetworkGuest();
        guest.Send(NetworkGuest.Message(m => new NvspInitialize(NvspVersion.V5, NvspVersion.V5).Write(m)), flags: 0);
        guest.Send(NetworkGuest.Message(m => new NvspInitialize(NvspVersion.V5, NvspVersion.V5).Write(m)), id: 0);
        Assert.Empty(guest.Channel.Sent);
    }

    [Fact]
    public void Switch_of_the_data_path_is_completed_without_a_payload()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        Assert.Empty(guest.Ask(NetworkGuest.Message(m => BinaryPrimitives.WriteUInt32LittleEndian(m, 129))));
    }

    [Theory]
    [InlineData(3, 3)]
    [InlineData(7, 3)]
    [InlineData(1, 1)]
    [InlineData(0, 0)]
    public void Subchannels_are_as_many_as_were_promised(uint asked, int promised)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] answer = guest.Ask(NetworkGuest.Message(m => new NvspSubchannelRequest(1, asked).Write(m)));
        Assert.True(NvspSubchannelComplete.TryRead(answer, out NvspSubchannelComplete complete));
        Assert.Equal((NvspStatus.Success, (uint)promised), (complete.Status, complete.Count));
        Assert.Equal(promised == 0 ? null : promised, guest.Channel.OfferedSubchannels);
    }

    [Fact]
    public void Subchannels_carry_frames_and_the_send_table_comes_when_the_last_has_opened()
    {
        using NetworkGuest guest = NetworkGuest.Ready(queues: 3);
        guest.Ask(NetworkGuest.Message(m => new NvspSubchannelRequest(1, 2).Write(m)));
        var first = guest.Open(1);
        guest.Channel.RunPosted();
        Assert.Empty(guest.Channel.Sent);
        var second = guest.Open(2);
        guest.Channel.RunPosted();
        HostPacket table = Assert.Single(guest.Channel.Sent);
        Assert.Equal((PacketType.DataInband, 134u), (table.Type, BinaryPrimitives.ReadUInt32LittleEndian(table.Payload)));
        Assert.Equal([0u, 1, 2, 0], Enumerable.Range(0, 4).Select(i => BinaryPrimitives.ReadUInt32LittleEndian(table.Payload.AsSpan(12 + (4 * i)))));

        Assert.True(second.Channel.Queue!.Deliver(TestFrames.Plain(100)));
        HostPacket received = guest.TakeReceived(second.Channel);
        Assert.Equal(TestFrames.Plain(100), Assert.Single(guest.Frames(received)).Data);
        // It is acknowledged where it came.
        Assert.Equal(PacketVerdict.Violation, guest.Acknowledge(received.TransactionId, first.Endpoint));
        Assert.Equal(PacketVerdict.Taken, guest.Acknowledge(received.TransactionId, second.Endpoint));
    }

    [Fact]
    public void Subchannel_that_was_not_promised_is_refused()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        Assert.Null(guest.Provider.Open(new ScriptedNetworkChannel(9, 1, guest.Memory, guest.Link)));
    }

    [Fact]
    public void Subchannel_takes_no_set_up_and_no_control_messages()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        guest.Ask(NetworkGuest.Message(m => new NvspSubchannelRequest(1, 1).Write(m)));
        var sub = guest.Open(1);
        byte[] control = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Control, NetworkInterface.NoSection, 0).Write(m));
        byte[] initialize = NetworkGuest.Message(m => new NvspInitialize(NvspVersion.V5, NvspVersion.V5).Write(m));
        guest.Send(control, id: 5, ranges: guest.Place(new byte[24]), endpoint: sub.Endpoint, channel: sub.Channel);
        guest.Send(initialize, id: 6, endpoint: sub.Endpoint, channel: sub.Channel);
        Assert.Equal([5u, 7u], sub.Channel.Sent.Select(packet => BinaryPrimitives.ReadUInt32LittleEndian(packet.Payload.AsSpan(4))));
    }

    [Fact]
    public void Link_with_fewer_queues_leaves_channels_without_frames_but_answers_them()
    {
        var link = new FakeLink(new LinkTraits(1, FakeLink.AllOffloads, FakeLink.AllOffloads, 1514, 1));
        using NetworkGuest guest = NetworkGuest.Ready(link: link);
        (_, byte[] value) = guest.Query(NdisOid.ReceiveScaleCapabilities);
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(value.AsSpan(12)));
        Assert.True(NvspSubchannelComplete.TryRead(guest.Ask(NetworkGuest.Message(m => new NvspSubchannelRequest(1, 3).Write(m))), out var complete));
        Assert.Equal(0u, complete.Count);
    }

    [Fact]
    public void Revoked_buffers_go_back_when_the_link_has_given_its_frames_back()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        FakeLinkQueue queue = guest.Channel.Queue!;
        queue.Hold = true;
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Data, 0, 104).Write(m));
        Assert.True(guest.SendBuffer.Memory.TryWrite(0, NetworkGuest.Packet(TestFrames.Plain(60))));
        guest.Send(nvsp, id: 77);
        guest.Send(NetworkGuest.Message(m => new NvspBuffer(0xCAFE, 0).Write(m, NvspMessageType.RevokeReceiveBuffer)), flags: 0);
        guest.Send(NetworkGuest.Message(m => new NvspBuffer(0, 0).Write(m, NvspMessageType.RevokeSendBuffer)), flags: 0);
        Assert.Equal((0, 0), (guest.ReceiveBuffer.Released, guest.SendBuffer.Released));
        Assert.DoesNotContain(guest.Channel.Sent, packet => packet.TransactionId == 77);

        queue.Release();
        guest.Channel.RunPosted();
        Assert.Equal((1, 1), (guest.ReceiveBuffer.Released, guest.SendBuffer.Released));
        Assert.Single(guest.Channel.Sent, packet => packet.TransactionId == 77);
        Assert.True(queue.IsDisposed);
    }

    [Fact]
    public void Revoked_buffer_waits_for_every_channel()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        guest.Ask(NetworkGuest.Message(m => new NvspSubchannelRequest(1, 1).Write(m)));
        var sub = guest.Open(1);
        guest.Send(NetworkGuest.Message(m => new NvspBuffer(0xCAFE, 0).Write(m, NvspMessageType.RevokeReceiveBuffer)), flags: 0);
        guest.Channel.RunPosted();
        Assert.Equal(0, guest.ReceiveBuffer.Released);
        sub.Channel.RunPosted();
        guest.Channel.RunPosted();
        Assert.Equal(1, guest.ReceiveBuffer.Released);
    }

    [Fact]
    public void Buffer_that_is_revoked_before_it_was_taken_goes_back()
    {
        using var guest = new NetworkGuest();
        guest.Initialize(NvspVersion.V61);
        guest.Channel.AnswerBuffers = false;
        guest.Send(NetworkGuest.Message(m => new NvspBuffer(NetworkGuest.ReceiveGpadl, 0xCAFE).Write(m, NvspMessageType.SendReceiveBuffer)));
        guest.Send(NetworkGuest.Message(m => new NvspBuffer(NetworkGuest.SendGpadl, 0).Write(m, NvspMessageType.SendSendBuffer)));
        guest.Send(NetworkGuest.Message(m => new NvspBuffer(0xCAFE, 0).Write(m, NvspMessageType.RevokeReceiveBuffer)), flags: 0);
        guest.Send(NetworkGuest.Message(m => new NvspBuffer(0, 0).Write(m, NvspMessageType.RevokeSendBuffer)), flags: 0);
        foreach ((uint gpadl, IBufferHolder holder) in guest.Channel.Asked) holder.BufferTaken(guest.Channel.Buffers[gpadl]);
        Assert.Equal((1, 1), (guest.ReceiveBuffer.Released, guest.SendBuffer.Released));
        guest.Channel.AnswerBuffers = true;
        guest.Connect();
    }

    [Fact]
    public void Buffer_that_the_guest_tears_down_without_a_word_goes_back()
    {
        using var guest = new NetworkGuest();
        guest.Initialize(NvspVersion.V61);
        guest.Channel.AnswerBuffers = false;
        guest.Send(NetworkGuest.Message(m => new NvspBuffer(NetworkGuest.ReceiveGpadl, 0xCAFE).Write(m, NvspMessageType.SendReceiveBuffer)));
        (_, IBufferHolder holder) = Assert.Single(guest.Channel.Asked);
        holder.BufferTaken(guest.ReceiveBuffer);
        holder.BufferWanted();
        guest.Channel.RunPosted();
        Assert.Equal(1, guest.ReceiveBuffer.Released);
    }

    [Fact]
    public void Buffers_can_be_given_again_on_the_open_channel()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        guest.Channel.Queue!.Deliver(TestFrames.Plain(60));
        HostPacket late = guest.TakeReceived();
        guest.Send(NetworkGuest.Message(m => new NvspBuffer(0xCAFE, 0).Write(m, NvspMessageType.RevokeReceiveBuffer)), flags: 0);
        guest.Send(NetworkGuest.Message(m => new NvspBuffer(0, 0).Write(m, NvspMessageType.RevokeSendBuffer)), flags: 0);
        guest.Channel.RunPosted();
        guest.Connect();
        guest.Start();
        // Word on a packet of the old buffer.
        Assert.Equal(PacketVerdict.Taken, guest.Acknowledge(late.TransactionId));
        Assert.Equal(PacketVerdict.Violation, guest.Acknowledge(late.TransactionId));
        Assert.True(guest.Channel.Queue!.Deliver(TestFrames.Plain(60)));
    }

    [Fact]
    public void Close_waits_for_the_link_and_opens_again()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        for (int i = 0; i < 3; i++)
        {
            FakeLinkQueue queue = guest.Channel.Queue!;
            queue.Hold = true;
            guest.Send(NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Data, NetworkInterface.NoSection, 0).Write(m)), ranges: guest.Place(NetworkGuest.Packet(TestFrames.Plain(60))));
            ScriptedNetworkChannel channel = guest.Channel;
            guest.Endpoint.Close();
            channel.RunPosted();
            Assert.False(channel.IsClosed);
            Assert.Equal(FrameKinds.None, guest.Link.Filter!.Accepted);
            queue.Release();
            channel.RunPosted();
            Assert.True(channel.IsClosed);
            Assert.Equal(0, guest.Provider.Counters.OpenChannels);
            guest.Reopen();
            guest.Connect(mtu: i == 1 ? 9000u : 1500u);
            guest.Start();
        }

        Assert.Equal(1, guest.Provider.Counters.OpenChannels);
        Assert.Equal(3, guest.Provider.Counters.FramesSent);
    }

    [Fact]
    public void Channel_without_buffers_closes_at_once()
    {
        using var guest = new NetworkGuest();
        guest.Endpoint.Close();
        Assert.True(guest.Channel.IsClosed);
    }
}
