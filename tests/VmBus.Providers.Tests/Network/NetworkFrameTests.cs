using System.Buffers.Binary;
using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Network.Links;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Virtio;
using VmBus.TestKit;
using Xunit;

namespace VmBus.Providers.Tests.Network;

/// <summary>Frames both ways: offloads, aggregation, coalescing, section accounting, malformed messages.</summary>
public sealed class NetworkFrameTests
{
    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(40)] // the RNDIS header lies in two ranges
    [InlineData(100)]
    public void Frame_in_guest_pages_reaches_the_link(int rangeBytes)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        Assert.Equal(NvspStatus.Success, guest.Transmit(NetworkGuest.Packet(TestFrames.Plain(1514)), rangeBytes));
        SentFrame sent = Assert.Single(guest.Channel.Queue!.Sent);
        Assert.Equal(TestFrames.Plain(1514), sent.Bytes);
        Assert.Equal(default, sent.Header);
        Assert.Equal((1, 1514), (guest.Provider.Counters.FramesSent, guest.Provider.Counters.BytesSent));
    }

    [Fact]
    public void Packets_of_one_section_and_pages_behind_it_are_completed_once()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] last = NetworkGuest.Packet(TestFrames.Plain(1000, 3));
        byte[] first = [.. NetworkGuest.Packet(TestFrames.Plain(60)), .. NetworkGuest.Packet(TestFrames.Plain(96, 2)), .. last[..44]];
        Assert.True(guest.SendBuffer.Memory.TryWrite(6144 * 3, first));
        FakeLinkQueue queue = guest.Channel.Queue!;
        guest.Send(NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Data, 3, (uint)first.Length).Write(m)), id: 50, ranges: guest.Place(last.AsSpan(44)));
        Assert.Equal([TestFrames.Plain(60), TestFrames.Plain(96, 2), TestFrames.Plain(1000, 3)], queue.Sent.Select(frame => frame.Bytes));
        Assert.Empty(guest.Channel.Sent);
        queue.Release();
        Assert.Single(guest.Channel.Sent);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Guest_need_not_signal_while_a_link_has_its_frames_that_never_waits(bool prompt)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        FakeLinkQueue queue = guest.Channel.Queue!;
        queue.SendsPromptly = prompt;
        byte[] ranges = guest.Place(NetworkGuest.Packet(TestFrames.Plain(60)));
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Data, NetworkInterface.NoSection, 0).Write(m));
        guest.Send(nvsp, ranges: ranges);
        guest.Send(nvsp, ranges: ranges);
        Assert.Equal(prompt, guest.Channel.ExpectsCompletions);
        queue.Release();
        Assert.False(guest.Channel.ExpectsCompletions);
    }

    [Fact]
    public void Adapter_that_is_taken_away_comes_to_rest_when_neither_side_waits_for_the_other()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        FakeLinkQueue queue = guest.Channel.Queue!;
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Data, NetworkInterface.NoSection, 0).Write(m));
        guest.Send(nvsp, id: 77, ranges: guest.Place(NetworkGuest.Packet(TestFrames.Plain(60))));
        Assert.True(queue.Deliver(TestFrames.Plain(60)));
        ulong received = Assert.Single(guest.Channel.Sent).TransactionId;
        // The guest gives the frame back by the ring that would be full.
        Assert.False(guest.Endpoint.Quiesce());
        Assert.False(guest.Channel.IsSealed);
        Assert.False(queue.Deliver(TestFrames.Plain(60)));
        guest.Acknowledge(received);
        Assert.False(guest.Endpoint.Quiesce());
        Assert.True(guest.Channel.IsSealed);
        // One that was being written is sent and completed as ever.
        guest.Send(nvsp, id: 78, ranges: guest.Place(NetworkGuest.Packet(TestFrames.Plain(60))));
        queue.Release();
        Assert.Equal([77ul, 78ul], guest.Channel.Sent.Where(static packet => packet.Type == PacketType.Completion).Select(static packet => packet.TransactionId));
        guest.Channel.IsTaken = false;
        Assert.False(guest.Endpoint.Quiesce());
        guest.Channel.IsTaken = true;
        Assert.True(guest.Endpoint.Quiesce());
        // A request is answered by a packet that the guest has to give back.
        guest.Send(
            NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Control, NetworkInterface.NoSection, 0).Write(m)),
            ranges: guest.Place(guest.Request(RndisMessageType.Query, NdisOid.MediaConnectStatus, [])));
        Assert.False(guest.Endpoint.Quiesce());
        Assert.False(guest.Channel.IsSealed);
    }

    [Theory]
    [InlineData(4, PacketInformationType.Checksum)]
    [InlineData(6, PacketInformationType.Checksum)]
    public void Checksum_is_left_to_the_link(int version, PacketInformationType type)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        int transport = version == 4 ? 34 : 54;
        uint bits = (version == 4 ? ChecksumToDo.IsIpv4 : ChecksumToDo.IsIpv6) | ChecksumToDo.Udp | ((uint)transport << 16);
        byte[] frame = TestFrames.Ip(version, 17, 100);
        Assert.Equal(NvspStatus.Success, guest.Transmit(NetworkGuest.Packet(frame, (type, bits))));
        SentFrame sent = Assert.Single(guest.Channel.Queue!.Sent);
        Assert.Equal(frame, sent.Bytes);
        Assert.Equal(new VirtioNetHeader(VirtioNetFlags.NeedsChecksum, VirtioNetSegmentation.None, 0, 0, (ushort)transport, 6, 0), sent.Header);
    }

    [Fact]
    public void Ip_header_checksum_is_computed()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] frame = TestFrames.Ip(4, 17, 100);
        byte[] without = [.. frame];
        without[24] = without[25] = 0;
        uint bits = ChecksumToDo.IsIpv4 | ChecksumToDo.IpHeader;
        Assert.Equal(NvspStatus.Success, guest.Transmit(NetworkGuest.Packet(without, (PacketInformationType.Checksum, bits))));
        Assert.Equal(frame, Assert.Single(guest.Channel.Queue!.Sent).Bytes);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public void Large_send_is_repaired_and_left_unsegmented(int version)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        int network = version == 4 ? 20 : 40;
        byte[] whole = TestFrames.Ip(version, 6, 60000);
        byte[] frame = [.. whole];
        if (version == 4) frame.AsSpan(16, 2).Clear();
        if (version == 4) frame.AsSpan(24, 2).Clear();
        if (version == 6) frame.AsSpan(18, 2).Clear();
        int transport = 14 + network;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(transport + 16), TestFrames.Pseudo(frame, withLength: false));
        uint bits = 1448u | ((uint)transport << 20) | (1u << 30) | (version == 6 ? 1u << 31 : 0);
        Assert.Equal(NvspStatus.Success, guest.Transmit(NetworkGuest.Packet(frame, (PacketInformationType.LargeSend, bits))));
        SentFrame sent = Assert.Single(guest.Channel.Queue!.Sent);
        Assert.Equal(whole, sent.Bytes);
        VirtioNetSegmentation kind = version == 4 ? VirtioNetSegmentation.Tcp4 : VirtioNetSegmentation.Tcp6;
        Assert.Equal(
            new VirtioNetHeader(VirtioNetFlags.NeedsChecksum, kind, (ushort)(transport + 20), 1448, (ushort)transport, 16, 0), sent.Header);
        Assert.Equal(1, guest.Provider.Counters.LargeSends);
    }

    [Fact]
    public void Vlan_tag_is_put_in_on_the_way_out_and_offsets_follow()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] frame = TestFrames.Ip(4, 17, 20);
        uint checksum = ChecksumToDo.IsIpv4 | ChecksumToDo.Udp | (34u << 16);
        (PacketInformationType, uint) tag = (PacketInformationType.Ieee8021Q, VlanInformation.FromTagControl(0x6064).Bits);
        Assert.Equal(NvspStatus.Success, guest.Transmit(NetworkGuest.Packet(frame, tag, (PacketInformationType.Checksum, checksum))));
        SentFrame sent = Assert.Single(guest.Channel.Queue!.Sent);
        Assert.Equal([.. frame[..12], 0x81, 0x00, 0x60, 0x64, .. frame[12..]], sent.Bytes);
        Assert.Equal(38, sent.Header.ChecksumStart);
    }

    [Fact]
    public void Vlan_tag_is_taken_out_on_the_way_in()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] frame = TestFrames.Ip(4, 17, 20);
        Assert.True(guest.Channel.Queue!.Deliver([.. frame[..12], 0x81, 0x00, 0x60, 0x64, .. frame[12..]]));
        GuestFrame received = Assert.Single(guest.Frames(guest.TakeReceived()));
        Assert.Equal(frame, received.Data);
        Assert.Equal(0x6064, new VlanInformation(received.Information[PacketInformationType.Ieee8021Q]).TagControl);
    }

    public static TheoryData<string, byte[]> Malformed()
    {
        byte[] good = NetworkGuest.Packet(TestFrames.Plain(60), (PacketInformationType.Checksum, 0));
        byte[] tcp = TestFrames.Ip(4, 6, 100);
        (PacketInformationType, uint) Large(uint mss, uint offset, uint flags) => (PacketInformationType.LargeSend, mss | (offset << 20) | flags);
        byte[] Edit(byte[] source, int at, uint value)
        {
            byte[] copy = [.. source];
            BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(at), value);
            return copy;
        }

        return new TheoryData<string, byte[]>
        {
            { "no message", [] },
            { "half a header", good[..40] },
            { "another type", Edit(good, 0, 2) },
            { "longer than what there is", Edit(good, 4, (uint)good.Length + 1) },
            { "length 0", Edit(good, 4, 0) },
            { "frame behind the end", Edit(good, 8, 1000) },
            { "frame too long", Edit(good, 12, uint.MaxValue) },
            { "information behind the end", Edit(good, 28, 1000) },
            { "information too long", Edit(good, 32, uint.MaxValue) },
            { "element of size 0", Edit(good, 44, 0) },
            { "element that overruns", Edit(good, 44, 17) },
            { "value outside its element", Edit(good, 52, 17) },
            { "shorter than Ethernet", NetworkGuest.Packet(TestFrames.Plain(14)[..13]) },
            { "longer than the link carries", NetworkGuest.Packet(TestFrames.Plain(9019)) },
            { "nine packets", [.. Enumerable.Range(0, 9).SelectMany(_ => NetworkGuest.Packet(TestFrames.Plain(60)))] },
            { "large send, version 1", NetworkGuest.Packet(tcp, Large(1448, 34, 0)) },
            { "large send, no segment", NetworkGuest.Packet(tcp, Large(0, 34, 1u << 30)) },
            { "large send, wrong offset", NetworkGuest.Packet(tcp, Large(1448, 36, 1u << 30)) },
            { "large send, IPv6 said, IPv4 there", NetworkGuest.Packet(tcp, Large(1448, 34, 3u << 30)) },
            { "large send of UDP", NetworkGuest.Packet(TestFrames.Ip(4, 17, 100), Large(1448, 34, 1u << 30)) },
            { "large send, no IP", NetworkGuest.Packet(TestFrames.Plain(200), Large(1448, 34, 1u << 30)) },
            { "large send, headers cut off", NetworkGuest.Packet(tcp[..50], Large(1448, 34, 1u << 30)) },
            { "checksum behind the end", NetworkGuest.Packet(tcp, (PacketInformationType.Checksum, ChecksumToDo.Tcp | (0x3FFu << 16))) },
            { "checksum inside Ethernet", NetworkGuest.Packet(tcp, (PacketInformationType.Checksum, ChecksumToDo.Tcp | (4u << 16))) },
        };
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Malformed_packet_is_refused_and_the_channel_goes_on(string what, byte[] rndis)
    {
        Assert.NotEmpty(what);
        using NetworkGuest guest = NetworkGuest.Ready();
        Assert.Equal(NvspStatus.InvalidRndisPacket, guest.Transmit(rndis));
        Assert.Empty(guest.Channel.Queue!.Sent);
        Assert.Equal(1, guest.Provider.Counters.Refused);
        Assert.Equal(NvspStatus.Success, guest.Transmit(NetworkGuest.Packet(TestFrames.Plain(60))));
    }

    [Theory]
    [InlineData(170u, 60u)] // behind the last section
    [InlineData(0xFFFFFFFEu, 60u)]
    [InlineData(0u, 6145u)]
    [InlineData(0u, 0xFFFFFFFFu)]
    public void Section_that_does_not_exist_is_refused(uint index, uint bytes)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Data, index, bytes).Write(m));
        Assert.Equal(NvspStatus.InvalidRndisPacket, guest.AskStatus(nvsp));
    }

    [Fact]
    public void Pages_that_are_not_memory_are_refused()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] ranges = guest.Place(NetworkGuest.Packet(TestFrames.Plain(60)));
        BinaryPrimitives.WriteUInt64LittleEndian(ranges.AsSpan(16), ulong.MaxValue / 4096);
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Data, NetworkInterface.NoSection, 0).Write(m));
        Assert.Equal(NvspStatus.InvalidRndisPacket, guest.AskStatus(nvsp, ranges));
        BinaryPrimitives.WriteUInt32LittleEndian(ranges.AsSpan(4), uint.MaxValue);
        Assert.Equal(NvspStatus.InvalidRndisPacket, guest.AskStatus(nvsp, ranges));
    }

    [Fact]
    public void Messages_stay_in_the_ring_while_the_link_has_all_frames()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Data, NetworkInterface.NoSection, 0).Write(m));
        byte[] ranges = guest.Place(NetworkGuest.Packet(TestFrames.Plain(60)));
        int taken = 0;
        while (guest.Send(nvsp, ranges: ranges) == PacketVerdict.Taken) taken++;
        Assert.InRange(taken, 100, 1000);
        Assert.Equal(0, guest.Channel.Resumed);
        guest.Channel.Queue!.Release();
        Assert.Equal(1, guest.Channel.Resumed);
        Assert.Equal(taken, guest.Channel.Sent.Count);
    }

    [Fact]
    public void Completions_wait_for_room_in_the_ring()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Data, NetworkInterface.NoSection, 0).Write(m));
        for (int i = 0; i < 5; i++) guest.Send(nvsp, id: (ulong)i + 1, ranges: guest.Place(NetworkGuest.Packet(TestFrames.Plain(60))));
        guest.Channel.Room = 1;
        guest.Channel.Queue!.Release(taken: false);
        Assert.Single(guest.Channel.Sent);
        guest.Channel.Room = int.MaxValue;
        guest.Endpoint.EndBatch();
        Assert.Equal([1ul, 2, 3, 4, 5], guest.Channel.Sent.Select(packet => packet.TransactionId));
        Assert.Equal(5, guest.Provider.Counters.SendDropped);
    }

    [Fact]
    public void Frames_of_one_turn_go_in_one_packet_and_their_sections_come_back()
    {
        using NetworkGuest guest = NetworkGuest.Ready(NvspVersion.V5, queues: 1);
        FakeLinkQueue queue = guest.Channel.Queue!;
        for (int round = 0; round < 300; round++)
        {
            for (int i = 0; i < 40; i++) Assert.True(queue.Deliver(TestFrames.Plain(60 + i, (byte)i), endBatch: i == 39));
            HostPacket packet = guest.TakeReceived();
            Assert.Equal(Enumerable.Range(0, 40).Select(i => TestFrames.Plain(60 + i, (byte)i)), guest.Frames(packet).Select(frame => frame.Data));
            Assert.Equal(PacketVerdict.Taken, guest.Acknowledge(packet.TransactionId));
        }
    }

    [Fact]
    public void Packet_has_no_more_ranges_than_guests_take()
    {
        using NetworkGuest guest = NetworkGuest.Ready(NvspVersion.V5);
        for (int i = 0; i < 400; i++) Assert.True(guest.Channel.Queue!.Deliver(TestFrames.Plain(60), endBatch: i == 399));
        Assert.Equal([375, 25], guest.Channel.Sent.Select(packet => NetworkGuest.Ranges(packet).Count));
    }

    [Fact]
    public void Receiving_stops_without_sections_and_goes_on_with_them()
    {
        using NetworkGuest guest = NetworkGuest.Ready(NvspVersion.V5);
        FakeLinkQueue queue = guest.Channel.Queue!;
        int delivered = 0;
        while (queue.Deliver(TestFrames.Plain(60))) delivered++;
        // A quarter of all but the control sections.
        Assert.Equal((8192 - 16) / 4, delivered);
        Assert.Equal(1, guest.Provider.Counters.NoSections);
        Assert.Equal(0, queue.Resumed);
        // Control messages still go.
        Assert.Equal(RndisStatus.NotSupported, ControlWhileFull(guest));
        foreach (HostPacket packet in guest.Channel.Sent.ToList()) Assert.Equal(PacketVerdict.Taken, guest.Acknowledge(packet.TransactionId));
        Assert.Equal(1, queue.Resumed);
        Assert.True(queue.Deliver(TestFrames.Plain(60)));
    }

    [Fact]
    public void Completion_that_names_no_packet_closes_the_channel()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        guest.Channel.Queue!.Deliver(TestFrames.Plain(60));
        ulong id = guest.TakeReceived().TransactionId;
        Assert.Equal(PacketVerdict.Violation, guest.Acknowledge(id + 1));
        Assert.Equal(PacketVerdict.Violation, guest.Acknowledge(ulong.MaxValue));
        Assert.Equal(PacketVerdict.Violation, guest.Acknowledge(0));
        Assert.Equal(PacketVerdict.Taken, guest.Acknowledge(id));
        Assert.Equal(PacketVerdict.Violation, guest.Acknowledge(id));
    }

    [Fact]
    public void Frames_wait_for_room_in_the_ring()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        guest.Channel.Room = 0;
        Assert.True(guest.Channel.Queue!.Deliver(TestFrames.Plain(60)));
        Assert.False(guest.Channel.Queue.Deliver(TestFrames.Plain(61)));
        guest.Channel.Room = int.MaxValue;
        guest.Endpoint.EndBatch();
        Assert.Equal(1, guest.Channel.Queue.Resumed);
        Assert.Equal(TestFrames.Plain(60), Assert.Single(guest.Frames(guest.TakeReceived())).Data);
    }

    [Theory]
    [InlineData(4, 6)]
    [InlineData(6, 6)]
    [InlineData(4, 17)]
    [InlineData(6, 17)]
    public void Checksum_that_nobody_computed_is_right_in_the_guest(int version, byte protocol)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] frame = TestFrames.Ip(version, protocol, 333);
        ushort start = (ushort)(version == 4 ? 34 : 54);
        var header = new VirtioNetHeader(VirtioNetFlags.NeedsChecksum, VirtioNetSegmentation.None, 0, 0, start, (ushort)(protocol == 6 ? 16 : 6), 0);
        Assert.True(guest.Channel.Queue!.Deliver(frame, header));
        GuestFrame received = Assert.Single(guest.Frames(guest.TakeReceived()));
        Assert.True(TestFrames.IsRight(received.Data));
        ChecksumDone done = protocol == 6 ? ChecksumDone.TcpSucceeded : ChecksumDone.UdpSucceeded;
        Assert.Equal((uint)done, received.Information[PacketInformationType.Checksum]);
    }

    [Theory]
    [InlineData(4, 60000)]
    [InlineData(6, 40000)]
    public void Frame_that_is_not_cut_comes_in_pieces(int version, int payload)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        Assert.Equal(FakeLink.AllOffloads, guest.Link.Offloads);
        byte[] frame = TestFrames.Ip(version, 6, payload);
        ushort start = (ushort)(version == 4 ? 34 : 54);
        var header = new VirtioNetHeader(
            VirtioNetFlags.NeedsChecksum, version == 4 ? VirtioNetSegmentation.Tcp4 : VirtioNetSegmentation.Tcp6, (ushort)(start + 20), 1448, start, 16, 0);
        Assert.True(guest.Channel.Queue!.Deliver(frame, header));
        HostPacket packet = guest.TakeReceived();
        IReadOnlyList<GuestFrame> pieces = guest.Frames(packet);
        Assert.Equal((frame.Length + 32639) / 32640, pieces.Count);
        Assert.Equal(frame, pieces.SelectMany(piece => piece.Data));
        for (int i = 0; i < pieces.Count; i++)
        {
            CoalescingFlags flags = CoalescingFlags.Piece | (i == 0 ? CoalescingFlags.First : 0) | (i == pieces.Count - 1 ? CoalescingFlags.Last : 0);
            Assert.Equal(1u | ((uint)flags << 8), pieces[i].Information[PacketInformationType.Coalescing]);
            Assert.Equal(i == 0, pieces[i].Information.ContainsKey(PacketInformationType.Checksum));
        }

        ChecksumDone done = ChecksumDone.TcpSucceeded | (version == 4 ? ChecksumDone.IpSucceeded | ChecksumDone.IpValueInvalid : 0);
        Assert.Equal((uint)done, pieces[0].Information[PacketInformationType.Checksum]);
        Assert.Equal(PacketVerdict.Taken, guest.Acknowledge(packet.TransactionId));
        Assert.Equal(1, guest.Provider.Counters.Coalesced);
    }

    [Theory]
    [InlineData(4, 60000)]
    [InlineData(6, 20001)]
    public void Frame_that_is_not_cut_has_a_checksum_once_the_guest_tells_of_a_hole(int version, int payload)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] frame = TestFrames.Ip(version, 6, payload);
        byte[] acknowledgement = TestFrames.Ip(version, 6, 0);
        byte[] hole = TestFrames.TellingOfHole(version);
        ushort start = (ushort)(version == 4 ? 34 : 54);
        var header = new VirtioNetHeader(
            VirtioNetFlags.NeedsChecksum, version == 4 ? VirtioNetSegmentation.Tcp4 : VirtioNetSegmentation.Tcp6, (ushort)(start + 20), 1448, start, 16, 0);

        Assert.Equal(NvspStatus.Success, guest.Transmit(NetworkGuest.Packet(acknowledgement)));
        Assert.False(DeliveredIsRight());
        Assert.Equal(NvspStatus.Success, guest.Transmit(NetworkGuest.Packet(hole)));
        for (int i = 0; i < 256; i++) Assert.True(DeliveredIsRight());
        Assert.False(DeliveredIsRight());
        // Soon again: twice as many. Later: as at first.
        Assert.Equal(NvspStatus.Success, guest.Transmit(NetworkGuest.Packet(hole)));
        for (int i = 0; i < 512; i++) Assert.True(DeliveredIsRight());
        for (int i = 0; i < 256; i++) Assert.False(DeliveredIsRight());
        Assert.Equal(NvspStatus.Success, guest.Transmit(NetworkGuest.Packet(hole)));
        for (int i = 0; i < 256; i++) Assert.True(DeliveredIsRight());
        Assert.False(DeliveredIsRight());

        bool DeliveredIsRight()
        {
            Assert.True(guest.Channel.Queue!.Deliver(frame, header));
            HostPacket packet = guest.TakeReceived();
            byte[] received = [.. guest.Frames(packet).SelectMany(piece => piece.Data)];
            Assert.Equal(frame.Length, received.Length);
            Assert.Equal(PacketVerdict.Taken, guest.Acknowledge(packet.TransactionId));
            return TestFrames.IsRight(received);
        }
    }

    [Fact]
    public void Coalescing_follows_the_guest()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] off = new byte[NdisOffloadParameters.Size];
        new NdisOffloadParameters(0, 0, 0, 0, 0, 0, 0, OffloadSetting.Off, OffloadSetting.Off).Write(off);
        Assert.Equal(RndisStatus.Success, guest.Set(NdisOid.OffloadParameters, off));
        Assert.Equal(LinkOffloads.Checksum, guest.Link.Offloads);
        Assert.False(guest.Channel.Queue!.Deliver(TestFrames.Plain(40000)));
        using NetworkGuest old = NetworkGuest.Ready(NvspVersion.V6);
        Assert.Equal(LinkOffloads.Checksum, old.Link.Offloads);
    }

    [Fact]
    public void Frames_both_ways_allocate_nothing()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        guest.Channel.Record = guest.Channel.Queue!.Record = false;
        byte[] plain = TestFrames.Plain(60);
        byte[] large = TestFrames.Ip(4, 6, 8000);
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Data, NetworkInterface.NoSection, 0).Write(m));
        byte[] done = NetworkGuest.Message(m => new NvspPacketComplete(NvspStatus.Success).Write(m));
        byte[] ranges = guest.Place(NetworkGuest.Packet(large, (PacketInformationType.LargeSend, 1448u | (34u << 20) | (1u << 30))));
        var segmented = new VirtioNetHeader(VirtioNetFlags.NeedsChecksum, VirtioNetSegmentation.Tcp4, 54, 1448, 34, 16, 0);
        for (int i = 0; i < 100; i++) Turn();
        Assert.Equal(0, Allocations.LeastOf(() =>
        {
            for (int i = 0; i < 1000; i++) Turn();
        }));
        Assert.Equal((3100, 6200), (guest.Provider.Counters.FramesSent, guest.Provider.Counters.FramesReceived));

        void Turn()
        {
            int header = PacketDescriptor.Size + ranges.Length;
            var sent = new PacketDescriptor(PacketType.DataUsingGpaDirect, header, header + nvsp.Length, PacketDescriptor.CompletionRequested, 7);
            guest.Endpoint.Receive(new RingPacket(sent, ranges, nvsp));
            guest.Channel.Queue!.Release();
            guest.Channel.Queue.Deliver(plain, endBatch: false);
            guest.Channel.Queue.Deliver(large, segmented);
            var completion = new PacketDescriptor(PacketType.Completion, PacketDescriptor.Size, PacketDescriptor.Size + 8, 0, guest.Channel.LastId);
            guest.Endpoint.Receive(new RingPacket(completion, default, done));
            guest.Endpoint.EndBatch();
        }
    }

    private static RndisStatus ControlWhileFull(NetworkGuest guest)
    {
        List<HostPacket> frames = [.. guest.Channel.Sent];
        guest.Channel.Sent.Clear();
        RndisStatus status = guest.Query((NdisOid)0x12345678).Status;
        guest.Channel.Sent.AddRange(frames);
        return status;
    }
}
