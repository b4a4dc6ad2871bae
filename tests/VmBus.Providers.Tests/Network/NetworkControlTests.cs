using System.Buffers.Binary;
using System.Text;
using VmBus.Bus.Devices;
using VmBus.Network.Links;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Providers.Tests.Network;

/// <summary>RNDIS control messages: every object, notices, malformed messages.</summary>
public sealed class NetworkControlTests
{
    public static TheoryData<string, bool, bool> Objects()
    {
        SpecTable table = SpecPage.Load("rndis.md").Table("objects");
        var data = new TheoryData<string, bool, bool>();
        for (int row = 0; row < table.RowCount; row++)
            data.Add(table.Cell(row, "name"), table.Cell(row, "query").Length > 0, table.Cell(row, "set").Length > 0);
        return data;
    }

    /// <summary>The page says what can be asked for, and the host answers just that.</summary>
    [Theory]
    [MemberData(nameof(Objects))]
    public void Object_is_answered_as_the_page_says(string name, bool query, bool set)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        var oid = Enum.Parse<NdisOid>(name);
        Assert.Equal(query ? RndisStatus.Success : RndisStatus.NotSupported, guest.Query(oid).Status);
        RndisStatus status = guest.Set(oid, []);
        Assert.Equal(set, status != RndisStatus.NotSupported);
    }

    [Fact]
    public void Values_that_guests_look_at_are_right()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        Assert.Equal([2, 0, 0, 0, 0, 1], guest.Query(NdisOid.PermanentAddress).Value);
        Assert.Equal(100_000_000u, BinaryPrimitives.ReadUInt32LittleEndian(guest.Query(NdisOid.LinkSpeed).Value));
        Assert.Equal(0u, BinaryPrimitives.ReadUInt32LittleEndian(guest.Query(NdisOid.MediaConnectStatus).Value));
        Assert.Equal(18, guest.Query(NdisOid.ReceiveScaleCapabilities).Value.Length);
        Assert.Equal("Network Adapter", Encoding.Unicode.GetString(guest.Query(NdisOid.FriendlyName).Value));
    }

    [Theory]
    [InlineData(156, 156)]
    [InlineData(144, 144)]
    [InlineData(112, 112)]
    [InlineData(0, 156)]
    public void Offload_capabilities_fit_what_the_guest_has_room_for(int room, int bytes)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        (_, byte[] value) = guest.Query(NdisOid.OffloadHardwareCapabilities, new byte[room]);
        Assert.Equal((bytes, bytes), (value.Length, BinaryPrimitives.ReadUInt16LittleEndian(value.AsSpan(2))));
        Assert.Equal(62780u, BinaryPrimitives.ReadUInt32LittleEndian(value.AsSpan(84)));
        if (bytes == 156) Assert.Equal((1, 1), (value[144], value[145]));
    }

    [Fact]
    public void Link_without_offloads_offers_none()
    {
        var link = new FakeLink(new LinkTraits(1, LinkOffloads.None, LinkOffloads.None, 1514, 1));
        using NetworkGuest guest = NetworkGuest.Ready(link: link);
        Assert.All(guest.Query(NdisOid.OffloadHardwareCapabilities, new byte[156]).Value.Skip(4), part => Assert.Equal(0, part));
        Assert.Equal(2048, guest.SectionBytes);
        byte[] frame = TestFrames.Ip(4, 6, 100);
        uint bits = ChecksumToDo.IsIpv4 | ChecksumToDo.Tcp | (34u << 16);
        Assert.Equal(NvspStatus.InvalidRndisPacket, guest.Transmit(NetworkGuest.Packet(frame, (PacketInformationType.Checksum, bits))));
        Assert.Equal(
            NvspStatus.InvalidRndisPacket, guest.Transmit(NetworkGuest.Packet(frame, (PacketInformationType.LargeSend, 1448u | (34u << 20) | (1u << 30)))));
    }

    [Theory]
    [InlineData(0x0, FrameKinds.None)]
    [InlineData(0xD, FrameKinds.Directed | FrameKinds.Multicast | FrameKinds.Broadcast)]
    [InlineData(0x9, FrameKinds.Directed | FrameKinds.Broadcast)]
    [InlineData(0x20, FrameKinds.Everything)]
    [InlineData(0x2, FrameKinds.Multicast)]
    public void Packet_filter_reaches_the_link(byte bits, FrameKinds kinds)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        guest.Set(NdisOid.CurrentPacketFilter, [bits, 0, 0, 0]);
        Assert.Equal(kinds, guest.Link.Filter!.Accepted);
        Assert.Equal((uint)bits, BinaryPrimitives.ReadUInt32LittleEndian(guest.Query(NdisOid.CurrentPacketFilter).Value));
    }

    [Fact]
    public void Address_can_be_set_and_stays_over_a_reopen_until_a_reset()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        Assert.Equal(RndisStatus.Success, guest.Set(NdisOid.ConfigurationParameter, Configuration("NetworkAddress", "020000abcdef")));
        Assert.Equal("02:00:00:ab:cd:ef", guest.Link.Filter!.Address.ToString());
        guest.Endpoint.Close();
        guest.Channel.RunPosted();
        guest.Reopen();
        guest.Connect();
        guest.Start();
        Assert.Equal("02:00:00:ab:cd:ef", guest.Link.Filter!.Address.ToString());
        guest.Provider.Reset();
        Assert.Equal([2, 0, 0, 0, 0, 1], guest.Query(NdisOid.CurrentAddress).Value);
    }

    [Theory]
    [InlineData("NetworkAddress", "ff0000abcdef")]
    [InlineData("NetworkAddress", "000000000000")]
    [InlineData("NetworkAddress", "02000")]
    [InlineData("NetworkAddress", "02000000000g")]
    public void Address_that_cannot_be_is_refused(string name, string value)
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        Assert.Equal(RndisStatus.InvalidData, guest.Set(NdisOid.ConfigurationParameter, Configuration(name, value)));
    }

    [Fact]
    public void Receive_scale_table_may_name_only_queues_that_there_are()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] value = new byte[40 + 16 + 40];
        new NdisReceiveScaleParameters(0, 0x1701, 16, 40, 40, 56).Write(value);
        value[40] = 3;
        Assert.Equal(RndisStatus.Success, guest.Set(NdisOid.ReceiveScaleParameters, value));
        value[40] = 4;
        Assert.Equal(RndisStatus.InvalidData, guest.Set(NdisOid.ReceiveScaleParameters, value));
        Assert.Equal(RndisStatus.InvalidData, guest.Set(NdisOid.ReceiveScaleParameters, value[..90]));
    }

    [Fact]
    public void Link_changes_are_announced()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        guest.Link.IsUp = false;
        guest.Channel.RunPosted();
        Assert.Equal(RndisStatus.MediaDisconnect, Notice(guest));
        guest.Link.IsUp = true;
        guest.Channel.RunPosted();
        Assert.Equal(RndisStatus.MediaConnect, Notice(guest));
        guest.Link.IsUp = true;
        guest.Channel.RunPosted();
        Assert.Empty(guest.Channel.Sent);
    }

    [Fact]
    public void Link_change_before_the_interface_is_open_is_announced_again()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        guest.Set(NdisOid.CurrentPacketFilter, [0, 0, 0, 0]);
        guest.Query(NdisOid.MediaConnectStatus);
        guest.Link.IsUp = false;
        guest.Channel.RunPosted();
        Assert.Equal(RndisStatus.MediaDisconnect, Notice(guest));
        guest.Send(
            NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Control, NetworkInterface.NoSection, 0).Write(m)),
            ranges: guest.Place(guest.Request(RndisMessageType.Set, NdisOid.CurrentPacketFilter, [0xD, 0, 0, 0])));
        Assert.Equal(2, guest.Channel.Sent.Count(packet => packet.Type == PacketType.DataUsingTransferPages));
    }

    [Fact]
    public void Keepalive_and_reset_are_answered_and_halt_is_not()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        Assert.Equal((uint)RndisMessageType.KeepAliveComplete, First(guest.Control(Header(RndisMessageType.KeepAlive))));
        Assert.Equal((uint)RndisMessageType.ResetComplete, First(guest.Control(Header(RndisMessageType.Reset))));
        Assert.Null(guest.Control(Header(RndisMessageType.Halt)));
        Assert.Equal(FrameKinds.None, guest.Link.Filter!.Accepted);
        // Nothing is served before it begins again.
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Control, NetworkInterface.NoSection, 0).Write(m));
        Assert.Equal(NvspStatus.InvalidRndisPacket, guest.AskStatus(nvsp, guest.Place(guest.Request(RndisMessageType.Query, NdisOid.LinkSpeed, []))));
        guest.Start();
    }

    [Fact]
    public void Malformed_control_messages_are_refused()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Control, NetworkInterface.NoSection, 0).Write(m));
        byte[] good = guest.Request(RndisMessageType.Query, NdisOid.LinkSpeed, []);
        byte[] unknown = [.. good];
        unknown[0] = 99;
        byte[] tooLong = [.. good];
        tooLong[4] = 200;
        byte[] valueOutside = [.. good];
        valueOutside[16] = 8;
        foreach (byte[] bad in (byte[][])[[], good[..8], unknown, tooLong, valueOutside, new byte[9000]])
            Assert.Equal(NvspStatus.InvalidRndisPacket, guest.AskStatus(nvsp, guest.Place(bad)));
        Assert.Equal(NvspStatus.InvalidRndisPacket, guest.AskStatus(nvsp));
        byte[] inSection = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Control, 0, 28).Write(m));
        Assert.Equal(NvspStatus.InvalidRndisPacket, guest.AskStatus(inSection, guest.Place(good)));
        Assert.Equal(RndisStatus.Success, guest.Query(NdisOid.LinkSpeed).Status);
    }

    [Fact]
    public void Guest_that_asks_without_reading_loses_the_channel()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Control, NetworkInterface.NoSection, 0).Write(m));
        byte[] ranges = guest.Place(guest.Request(RndisMessageType.Query, NdisOid.LinkSpeed, []));
        for (int i = 0; i < 16 + 64; i++) guest.Send(nvsp, ranges: ranges);
        Assert.Null(guest.Channel.Failure);
        Assert.Equal(16, guest.Channel.Sent.Count(packet => packet.Type == PacketType.DataUsingTransferPages));
        guest.Send(nvsp, ranges: ranges);
        Assert.NotNull(guest.Channel.Failure);
    }

    [Fact]
    public void Answers_that_wait_go_when_sections_come_back()
    {
        using NetworkGuest guest = NetworkGuest.Ready();
        byte[] nvsp = NetworkGuest.Message(m => new NvspRndisPacket(NvspChannelType.Control, NetworkInterface.NoSection, 0).Write(m));
        byte[] ranges = guest.Place(guest.Request(RndisMessageType.Query, NdisOid.LinkSpeed, []));
        for (int i = 0; i < 20; i++) guest.Send(nvsp, ranges: ranges);
        foreach (HostPacket packet in guest.Channel.Sent.Where(packet => packet.Type == PacketType.DataUsingTransferPages).Take(16).ToList())
            Assert.Equal(PacketVerdict.Taken, guest.Acknowledge(packet.TransactionId));
        Assert.Equal(20, guest.Channel.Sent.Count(packet => packet.Type == PacketType.DataUsingTransferPages));
    }

    private static uint First(byte[]? message) => BinaryPrimitives.ReadUInt32LittleEndian(message);

    private static byte[] Header(RndisMessageType type)
    {
        byte[] message = new byte[12];
        new RndisControlHeader(type, 12, 42).Write(message);
        return message;
    }

    private static byte[] Configuration(string name, string value)
    {
        byte[] nameBytes = Encoding.Unicode.GetBytes(name);
        byte[] valueBytes = Encoding.Unicode.GetBytes(value);
        byte[] info = new byte[20 + nameBytes.Length + valueBytes.Length];
        BinaryPrimitives.WriteInt32LittleEndian(info, 20);
        BinaryPrimitives.WriteInt32LittleEndian(info.AsSpan(4), nameBytes.Length);
        BinaryPrimitives.WriteInt32LittleEndian(info.AsSpan(8), 2);
        BinaryPrimitives.WriteInt32LittleEndian(info.AsSpan(12), 20 + nameBytes.Length);
        BinaryPrimitives.WriteInt32LittleEndian(info.AsSpan(16), valueBytes.Length);
        nameBytes.CopyTo(info, 20);
        valueBytes.CopyTo(info, 20 + nameBytes.Length);
        return info;
    }

    private static RndisStatus Notice(NetworkGuest guest)
    {
        HostPacket packet = guest.TakeReceived();
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(packet.Payload.AsSpan(4)));
        (int bytes, int offset) = Assert.Single(NetworkGuest.Ranges(packet));
        byte[] message = new byte[bytes];
        Assert.True(guest.ReceiveRegion.TryRead(offset, message));
        Assert.Equal(PacketVerdict.Taken, guest.Acknowledge(packet.TransactionId));
        Assert.Equal((uint)RndisMessageType.Indicate, BinaryPrimitives.ReadUInt32LittleEndian(message));
        return (RndisStatus)BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(8));
    }
}
