using VmBus.Protocol.Network;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Network;

/// <summary>Holds the code against the tables of protocol-spec/network.md.</summary>
public sealed class NetworkPageTests
{
    private static readonly SpecPage Page = SpecPage.Load("network.md"), Rndis = SpecPage.Load("rndis.md"), Ndis = SpecPage.Load("ndis.md");

    [Fact]
    public void Messages_are_those_of_the_page() => Assert.Empty(Page.Numbers("messages").DifferencesFrom<NvspMessageType>());

    [Fact]
    public void Versions_are_those_of_the_page() => Assert.Empty(Page.Numbers("versions").DifferencesFrom<NvspVersion>());

    [Fact]
    public void Status_values_are_those_of_the_page() => Assert.Empty(Page.Numbers("status-values").DifferencesFrom<NvspStatus>());

    [Fact]
    public void Capabilities_are_those_of_the_page() => Assert.Empty(Page.Numbers("capabilities").DifferencesFrom<NdisCapabilities>());

    [Fact]
    public void Channel_types_are_those_of_the_page() => Assert.Empty(Page.Numbers("channel-types").DifferencesFrom<NvspChannelType>());

    [Fact]
    public void Information_types_are_those_of_the_page() => Assert.Empty(Rndis.Numbers("information-types").DifferencesFrom<PacketInformationType>());

    [Fact]
    public void Checksum_bits_are_those_of_the_page()
    {
        SpecNumbers toDo = Rndis.Numbers("checksum-to-do");
        Assert.Equal((ulong)ChecksumToDo.IsIpv4, toDo["IsIpv4"]);
        Assert.Equal((ulong)ChecksumToDo.IsIpv6, toDo["IsIpv6"]);
        Assert.Equal((ulong)ChecksumToDo.Tcp, toDo["Tcp"]);
        Assert.Equal((ulong)ChecksumToDo.Udp, toDo["Udp"]);
        Assert.Equal((ulong)ChecksumToDo.IpHeader, toDo["IpHeader"]);
        Assert.Empty(Rndis.Numbers("checksum-done").DifferencesFrom<ChecksumDone>());
    }

    [Fact]
    public void Coalescing_flags_are_those_of_the_page() => Assert.Empty(Rndis.Numbers("coalescing").DifferencesFrom<CoalescingFlags>());

    [Fact]
    public void Rndis_messages_are_those_of_the_page() => Assert.Empty(Rndis.Numbers("rndis-messages").DifferencesFrom<RndisMessageType>());

    [Fact]
    public void Rndis_status_values_are_those_of_the_page() => Assert.Empty(Rndis.Numbers("rndis-status-values").DifferencesFrom<RndisStatus>());

    [Fact]
    public void Objects_are_those_of_the_page() => Assert.Empty(Rndis.Numbers("objects").DifferencesFrom<NdisOid>());

    [Fact]
    public void Object_types_are_those_of_the_page() => Assert.Empty(Ndis.Numbers("object-types").DifferencesFrom<NdisObjectType>());

    [Fact]
    public void Settings_are_those_of_the_page()
    {
        Assert.Empty(Ndis.Numbers("checksum-settings").DifferencesFrom<ChecksumSetting>());
        Assert.Empty(Ndis.Numbers("offload-settings").DifferencesFrom<OffloadSetting>());
        Assert.Empty(Ndis.Numbers("receive-scale-flags").DifferencesFrom<ReceiveScaleFlags>());
    }

    [Fact]
    public void Interface_type_is_that_of_the_page()
        => Assert.Equal(Page.Table("offer").Cell(0, "interface type"), NetworkInterface.Synthetic.ToString());

    [Fact]
    public void Nvsp_messages_lie_as_the_page_says()
    {
        var bytes = new byte[64];
        new NvspInitialize((NvspVersion)0x0A01, (NvspVersion)0x0A02).Write(bytes);
        Check("initialize", bytes, NvspInitialize.Size, ("type", 1), ("minimum version", 0x0A01), ("maximum version", 0x0A02));
        Assert.True(NvspInitialize.TryRead(bytes, out NvspInitialize initialize));
        Assert.Equal(new NvspInitialize((NvspVersion)0x0A01, (NvspVersion)0x0A02), initialize);

        var complete = new NvspInitializeComplete(0x0B01, 0x0B02, (NvspStatus)0x0B03);
        complete.Write(bytes);
        Check("initialize-complete", bytes, NvspInitializeComplete.Size, ("type", 2), ("version", 0x0B01), ("maximum MDL chain", 0x0B02), ("status", 0x0B03));
        Assert.True(NvspInitializeComplete.TryRead(bytes, out NvspInitializeComplete completeRead));
        Assert.Equal(complete, completeRead);

        var version = new NvspNdisVersion(6, 30);
        version.Write(bytes);
        Check("ndis-version", bytes, NvspNdisVersion.Size, ("type", 100), ("major", 6), ("minor", 30));
        Assert.True(NvspNdisVersion.TryRead(bytes, out NvspNdisVersion versionRead));
        Assert.Equal(version, versionRead);

        var configuration = new NvspNdisConfiguration(1514, (NdisCapabilities)0x1122334455667788);
        configuration.Write(bytes);
        Check("ndis-configuration", bytes, NvspNdisConfiguration.Size, ("type", 125), ("MTU", 1514), ("reserved", 0), ("capabilities", 0x1122334455667788));
        Assert.True(NvspNdisConfiguration.TryRead(bytes, out NvspNdisConfiguration configurationRead));
        Assert.Equal(configuration, configurationRead);

        var buffer = new NvspBuffer(0xE1E10, 0xCAFE);
        buffer.Write(bytes, NvspMessageType.SendSendBuffer);
        Check("buffer", bytes, NvspBuffer.Size, ("type", 104), ("GPADL", 0xE1E10), ("id", 0xCAFE));
        Assert.True(NvspBuffer.TryRead(bytes, out NvspBuffer bufferRead));
        Assert.Equal(buffer, bufferRead);
    }

    [Fact]
    public void Nvsp_answers_lie_as_the_page_says()
    {
        var bytes = new byte[80];
        var sections = new NvspReceiveSections(NvspStatus.Success, 2048, 100);
        sections.Write(bytes);
        Check(
            "receive-buffer-complete", bytes, NvspReceiveSections.Size, ("type", 102), ("status", 1), ("section runs", 1), ("offset", 0),
            ("section bytes", 2048), ("section count", 100), ("end offset", 204800));
        Assert.True(NvspReceiveSections.TryRead(bytes, out NvspReceiveSections sectionsRead));
        Assert.Equal(sections, sectionsRead);

        var send = new NvspSendSections(NvspStatus.Failure, 6144);
        send.Write(bytes);
        Check("send-buffer-complete", bytes, NvspSendSections.Size, ("type", 105), ("status", 2), ("section bytes", 6144));
        Assert.True(NvspSendSections.TryRead(bytes, out NvspSendSections sendRead));
        Assert.Equal(send, sendRead);

        new NvspSubchannelRequest(1, 3).Write(bytes);
        Check("sub-channel-request", bytes, NvspSubchannelRequest.Size, ("type", 133), ("operation", 1), ("count", 3));
        Assert.True(NvspSubchannelRequest.TryRead(bytes, out NvspSubchannelRequest request));
        Assert.Equal(new NvspSubchannelRequest(1, 3), request);

        new NvspSubchannelComplete(NvspStatus.Success, 2).Write(bytes);
        Check("sub-channel-complete", bytes, NvspSubchannelComplete.Size, ("type", 133), ("status", 1), ("count", 2));
        Assert.True(NvspSubchannelComplete.TryRead(bytes, out NvspSubchannelComplete answer));
        Assert.Equal(new NvspSubchannelComplete(NvspStatus.Success, 2), answer);

        NvspSendTable.Write(bytes, 3);
        SpecLayout table = Check("send-table", bytes, NvspSendTable.Size, ("type", 134), ("count", 16), ("table offset", 12));
        byte[] entries = table.Slice(bytes, "table").ToArray();
        Assert.Equal(Enumerable.Range(0, 16).Select(i => i % 3), Enumerable.Range(0, 16).Select(i => (int)entries[i * 4]));

        var packet = new NvspRndisPacket((NvspChannelType)1, 7, 99);
        packet.Write(bytes);
        Check("rndis-packet", bytes, NvspRndisPacket.Size, ("type", 107), ("channel type", 1), ("section index", 7), ("section bytes", 99));
        Assert.True(NvspRndisPacket.TryRead(bytes, out NvspRndisPacket packetRead));
        Assert.Equal(packet, packetRead);

        new NvspPacketComplete(NvspStatus.InvalidRndisPacket).Write(bytes);
        Check("rndis-packet-complete", bytes, NvspPacketComplete.Size, ("type", 108), ("status", 5));
        Assert.True(NvspPacketComplete.TryRead(bytes, out NvspPacketComplete done));
        Assert.Equal(new NvspPacketComplete(NvspStatus.InvalidRndisPacket), done);
    }

    [Fact]
    public void Packets_lie_as_the_page_says()
    {
        var bytes = new byte[256];
        var header = new RndisPacketHeader(0x80, 0x50, 0x20, 0x24, 0x10);
        header.Write(bytes);
        Check(
            "packet", bytes, RndisPacketHeader.Size, ("type", 1), ("message bytes", 0x80), ("data offset", 0x50), ("data bytes", 0x20),
            ("information offset", 0x24), ("information bytes", 0x10), ("OOB count", 0));
        Assert.True(RndisPacketHeader.TryRead(bytes, 0x80, out RndisPacketHeader read));
        Assert.Equal(header, read);
        Assert.False(RndisPacketHeader.TryRead(bytes, 0x7F, out _));

        PacketInformation.Write(bytes, PacketInformationType.HashValue, 0x01020304);
        Check("packet-information", bytes, PacketInformation.WordBytes, ("element bytes", 16), ("type", 8), ("value offset", 12), ("value", 0x01020304));
        ReadOnlySpan<byte> source = bytes.AsSpan(0, 16);
        Assert.True(PacketInformation.TryRead(ref source, out PacketInformation element));
        Assert.Equal((PacketInformationType.HashValue, 0x01020304u), (element.Type, element.Word));
        Assert.True(source.IsEmpty);
    }

    [Theory]
    [InlineData(0x80, 0x20, 0x20, 0, 0)] // the frame begins inside the header
    [InlineData(0x80, 0x70, 0x20, 0, 0)] // the frame ends behind the message
    [InlineData(0x80, uint.MaxValue, 0x20, 0, 0)]
    [InlineData(0x80, 0x24, uint.MaxValue, 0, 0)]
    [InlineData(0x80, 0x50, 0x20, 0x70, 0x10)] // the information ends behind the message
    [InlineData(0x80, 0x50, 0x20, 0x10, 0x10)] // the information begins inside the header
    [InlineData(0x20, 0x24, 0, 0, 0)] // shorter than its header
    public void Packet_that_overruns_is_refused(uint message, uint dataOffset, uint dataBytes, uint informationOffset, uint informationBytes)
    {
        var bytes = new byte[256];
        new RndisPacketHeader(message, dataOffset, dataBytes, informationOffset, informationBytes).Write(bytes);
        Assert.False(RndisPacketHeader.TryRead(bytes, bytes.Length, out _));
    }

    [Theory]
    [InlineData(8, 12)] // shorter than its head
    [InlineData(17, 12)] // longer than what there is
    [InlineData(16, 17)] // the value begins behind the element
    [InlineData(16, 8)] // the value begins in the head
    [InlineData(0, 12)]
    public void Information_that_overruns_is_refused(uint size, uint offset)
    {
        var bytes = new byte[16];
        PacketInformation.Write(bytes, PacketInformationType.Checksum, 0);
        Rndis.Layout("packet-information").Write(bytes, "element bytes", size);
        Rndis.Layout("packet-information").Write(bytes, "value offset", offset);
        ReadOnlySpan<byte> source = bytes;
        Assert.False(PacketInformation.TryRead(ref source, out _));
    }

    [Fact]
    public void Control_messages_lie_as_the_page_says()
    {
        var bytes = new byte[64];
        new RndisControlHeader((RndisMessageType)3, 12, 77).Write(bytes);
        Check("control-header", bytes, RndisControlHeader.Size, ("type", 3), ("message bytes", 12), ("request id", 77));

        new RndisInitializeComplete(77, RndisStatus.Success, 8, 0x4000, 3).Write(bytes);
        Check(
            "initialize-answer", bytes, RndisInitializeComplete.Size, ("type", 0x80000002), ("message bytes", 52), ("request id", 77), ("status", 0),
            ("major", 1), ("minor", 0), ("device flags", 1), ("medium", 0), ("maximum packets", 8), ("maximum transfer", 0x4000), ("alignment", 3));

        var request = new RndisRequest(new RndisControlHeader(RndisMessageType.Set, 32, 5), NdisOid.CurrentPacketFilter, 4, 20);
        request.Write(bytes);
        Check(
            "query-and-set", bytes, RndisRequest.Size, ("type", 5), ("message bytes", 32), ("request id", 5), ("object", 0x1010E), ("value bytes", 4),
            ("value offset", 20));
        Assert.True(RndisRequest.TryRead(bytes, out RndisRequest read));
        Assert.Equal(request, read);
        Assert.Equal(4, read.Value(bytes).Length);

        RndisAnswers.WriteQuery(bytes, 6, RndisStatus.NotSupported, 8);
        Check(
            "query-answer", bytes, RndisAnswers.QueryBytes, ("type", 0x80000004), ("message bytes", 32), ("request id", 6), ("status", 0xC00000BB),
            ("value bytes", 8), ("value offset", 16));
        RndisAnswers.WriteStatus(bytes, RndisMessageType.SetComplete, 7, RndisStatus.Failure);
        Check("status-answer", bytes, RndisAnswers.StatusBytes, ("type", 0x80000005), ("message bytes", 16), ("request id", 7), ("status", 0xC0000001));
        RndisAnswers.WriteReset(bytes, RndisStatus.Success);
        Check("reset-answer", bytes, RndisAnswers.ResetBytes, ("type", 0x80000006), ("message bytes", 16), ("status", 0), ("addressing reset", 0));
        RndisAnswers.WriteIndication(bytes, RndisStatus.MediaConnect, 4);
        Check(
            "indication", bytes, RndisAnswers.IndicationBytes, ("type", 7), ("message bytes", 24), ("status", 0x4001000B), ("value bytes", 4),
            ("value offset", 12));
    }

    [Theory]
    [InlineData(33, 4, 20)] // longer than what there is
    [InlineData(32, 5, 20)] // the value ends behind the message
    [InlineData(32, 4, 0xFFFFFFFF)]
    [InlineData(32, 4, 16)] // the value begins in the header
    [InlineData(24, 0, 20)] // shorter than its header
    public void Request_that_overruns_is_refused(uint message, uint valueBytes, uint valueOffset)
    {
        var bytes = new byte[32];
        new RndisRequest(new RndisControlHeader(RndisMessageType.Query, message, 5), NdisOid.LinkSpeed, valueBytes, valueOffset).Write(bytes);
        Assert.False(RndisRequest.TryRead(bytes, out _));
    }

    [Fact]
    public void Ndis_structures_lie_as_the_page_says()
    {
        var bytes = new byte[NdisOffload.Size];
        Assert.Equal(NdisOffload.Size, new NdisOffload(true, true, 62780, 62781, true).Write(bytes, 200));
        Assert.Equal(0x009C_03A7u, BitConverter.ToUInt32(bytes));
        Check(
            "offloads", bytes, NdisOffload.Size, ("transmit 4 encapsulation", 2), ("transmit 4 checksums", 0x155), ("receive 4 encapsulation", 2),
            ("receive 4 checksums", 0x155), ("transmit 6 encapsulation", 2), ("transmit 6 checksums", 0x55), ("receive 6 checksums", 0x55),
            ("large send 4 encapsulation", 2), ("large send 4 bytes", 62780), ("large send 4 segments", 2), ("large send 6 encapsulation", 2),
            ("large send 6 bytes", 62781), ("large send 6 segments", 2), ("large send 6 options", 5), ("coalescing 4", 1), ("coalescing 6", 1));
        Assert.Equal(144, new NdisOffload(true, true, 62780, 62780, true).Write(bytes, 155));
        Assert.Equal(112, new NdisOffload(true, true, 62780, 62780, true).Write(bytes, 112));
        Assert.Equal(112, new NdisOffload(false, false, 0, 0, false).Write(bytes, 112));
        Assert.All(bytes.Skip(4), part => Assert.Equal(0, part));

        var parameters = new NdisOffloadParameters(
            (ChecksumSetting)1, (ChecksumSetting)2, (ChecksumSetting)3, (ChecksumSetting)4, (ChecksumSetting)5, (OffloadSetting)6, (OffloadSetting)7,
            (OffloadSetting)8, (OffloadSetting)9);
        parameters.Write(bytes);
        Check(
            "offload-parameters", bytes, NdisOffloadParameters.Size, ("IPv4", 1), ("TCP4", 2), ("UDP4", 3), ("TCP6", 4), ("UDP6", 5), ("large send 4", 6),
            ("large send 6", 7), ("coalescing 4", 8), ("coalescing 6", 9));
        Assert.True(NdisOffloadParameters.TryRead(bytes, out NdisOffloadParameters parametersRead));
        Assert.Equal(parameters, parametersRead);
        Assert.False(NdisOffloadParameters.TryRead(bytes.AsSpan(0, 27), out _));

        new NdisReceiveScaleCapabilities(4, 128).Write(bytes);
        Check("receive-scale-capabilities", bytes, NdisReceiveScaleCapabilities.Size, ("interrupts", 4), ("queues", 4), ("table entries", 128));

        var scale = new NdisReceiveScaleParameters((ReceiveScaleFlags)3, 0x1701, 8, 40, 40, 48);
        scale.Write(bytes);
        Check(
            "receive-scale-parameters", bytes, NdisReceiveScaleParameters.Size, ("flags", 3), ("hash information", 0x1701), ("table bytes", 8),
            ("table offset", 40), ("key bytes", 40), ("key offset", 48));
        Assert.True(NdisReceiveScaleParameters.TryRead(bytes.AsSpan(0, 88), out NdisReceiveScaleParameters scaleRead));
        Assert.Equal(scale, scaleRead);
        Assert.False(NdisReceiveScaleParameters.TryRead(bytes.AsSpan(0, 87), out _));
    }

    [Theory]
    [InlineData(0x0000)]
    [InlineData(0xFFFF)]
    [InlineData(0xA064)]
    [InlineData(0x1001)]
    public void Vlan_tag_goes_both_ways(ushort tag) => Assert.Equal(tag, VlanInformation.FromTagControl(tag).TagControl);

    private static SpecLayout Check(string anchor, byte[] bytes, int size, params (string Field, ulong Value)[] fields)
    {
        SpecLayout layout = new[] { Page, Rndis, Ndis }.Single(page => page.Anchors.Contains(anchor)).Layout(anchor);
        Assert.Equal(size, layout.Bytes);
        foreach ((string field, ulong value) in fields) Assert.Equal((field, value), (field, layout.Read(bytes, field)));
        return layout;
    }
}
