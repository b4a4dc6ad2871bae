using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.TestKit.SpecTables;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Tests.Network;

/// <summary>Every packet and RNDIS message of real guests' network drivers is read and written again, and the captures hold a driver's whole life.</summary>
public sealed class CapturedFramesTests
{
    private delegate bool Reader<T>(ReadOnlySpan<byte> message, out T value);

    private delegate void Writer<T>(T value, Span<byte> message);

    public static TheoryData<string> Conversations => [.. SpecConversation.Names("network")];

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Set_up_message_is_read_and_written_again_byte_for_byte(string name)
    {
        foreach ((bool fromGuest, byte[] payload) in Payloads(name))
        {
            var written = new byte[payload.Length];
            switch ((NvspMessageType)ReadUInt32LittleEndian(payload), fromGuest)
            {
                case (NvspMessageType.Initialize, true):
                    Copy<NvspInitialize>(payload, written, NvspInitialize.TryRead, static (value, to) => value.Write(to));
                    break;
                case (NvspMessageType.InitializeComplete, false):
                    Copy<NvspInitializeComplete>(payload, written, NvspInitializeComplete.TryRead, static (value, to) => value.Write(to));
                    break;
                case (NvspMessageType.SendNdisVersion, true):
                    Copy<NvspNdisVersion>(payload, written, NvspNdisVersion.TryRead, static (value, to) => value.Write(to));
                    break;
                case (NvspMessageType.SendNdisConfiguration, true):
                    Copy<NvspNdisConfiguration>(payload, written, NvspNdisConfiguration.TryRead, static (value, to) => value.Write(to));
                    break;
                case (NvspMessageType.SendReceiveBuffer or NvspMessageType.SendSendBuffer, true):
                    var type = (NvspMessageType)ReadUInt32LittleEndian(payload);
                    Copy<NvspBuffer>(payload, written, NvspBuffer.TryRead, (value, to) => value.Write(to, type));
                    break;
                case (NvspMessageType.SendReceiveBufferComplete, false):
                    Copy<NvspReceiveSections>(payload, written, NvspReceiveSections.TryRead, static (value, to) => value.Write(to));
                    break;
                case (NvspMessageType.SendSendBufferComplete, false):
                    Copy<NvspSendSections>(payload, written, NvspSendSections.TryRead, static (value, to) => value.Write(to));
                    break;
                case (NvspMessageType.RevokeReceiveBuffer or NvspMessageType.RevokeSendBuffer, true):
                    payload.AsSpan(0, 6).CopyTo(written);    // type and id
                    break;
                case (NvspMessageType.SendRndisPacket, _):
                    Copy<NvspRndisPacket>(payload, written, NvspRndisPacket.TryRead, static (value, to) => value.Write(to));
                    break;
                case (NvspMessageType.SendRndisPacketComplete, _):
                    Copy<NvspPacketComplete>(payload, written, NvspPacketComplete.TryRead, static (value, to) => value.Write(to));
                    break;
                case (NvspMessageType.Subchannel, true):
                    Copy<NvspSubchannelRequest>(payload, written, NvspSubchannelRequest.TryRead, static (value, to) => value.Write(to));
                    break;
                case (NvspMessageType.Subchannel, false):
                    Copy<NvspSubchannelComplete>(payload, written, NvspSubchannelComplete.TryRead, static (value, to) => value.Write(to));
                    break;
                case (NvspMessageType.SendIndirectionTable, false):
                    NvspSendTable.Write(written, channels: 2);
                    break;
                case var (unknown, by):
                    Assert.Fail($"Nothing is known of {unknown} in a capture, from the guest: {by}.");
                    break;
            }

            Assert.Equal(Convert.ToHexStringLower(payload), Convert.ToHexStringLower(written));
        }
    }

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Capture_holds_the_set_up_twice_and_every_kind_of_message(string name)
    {
        NvspMessageType[] types = [.. Payloads(name).Where(packet => packet.FromGuest).Select(packet => (NvspMessageType)ReadUInt32LittleEndian(packet.Payload))];
        NvspMessageType[] setUp =
        [
            NvspMessageType.Initialize, NvspMessageType.SendNdisConfiguration, NvspMessageType.SendNdisVersion, NvspMessageType.SendReceiveBuffer,
            NvspMessageType.SendSendBuffer, NvspMessageType.Subchannel, NvspMessageType.RevokeReceiveBuffer, NvspMessageType.RevokeSendBuffer,
        ];
        Assert.Equal([.. setUp, .. setUp], types.Where(type => type is not (NvspMessageType.SendRndisPacket or NvspMessageType.SendRndisPacketComplete)));
        uint[] mtus = [.. Payloads(name).Where(packet => ReadUInt32LittleEndian(packet.Payload) == (uint)NvspMessageType.SendNdisConfiguration)
            .Select(packet => ReadUInt32LittleEndian(packet.Payload.AsSpan(4)))];
        Assert.Equal([1514u, 1414], mtus);
        string[] openings = [.. SpecConversation.Load(name).Utterances.Select(line => line.Label).Where(label => label[..5] is "open " or "close")];
        Assert.Equal(["open 1 0", "open 2 1", "close 2", "close 1", "open 1 0", "open 2 1", "close 2", "close 1"], openings);
    }

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Rndis_messages_fill_what_carries_them_and_hold_every_request_and_offload(string name)
    {
        var requests = new HashSet<(RndisMessageType, NdisOid)>();
        var controls = new HashSet<RndisMessageType>();
        var sent = new HashSet<PacketInformationType>();
        var received = new HashSet<PacketInformationType>();
        foreach (SpecUtterance line in SpecConversation.Load(name).Utterances.Where(line => line.Label.StartsWith("data ", StringComparison.Ordinal)))
        {
            ReadOnlySpan<byte> rest = line.Bytes;
            while (!rest.IsEmpty)
            {
                var type = (RndisMessageType)ReadUInt32LittleEndian(rest);
                if (type == RndisMessageType.Packet)
                {
                    Assert.True(RndisPacketHeader.TryRead(rest, rest.Length, out RndisPacketHeader header));
                    ReadOnlySpan<byte> information = rest.Slice((int)header.InformationOffset + RndisPacketHeader.OffsetBase, (int)header.InformationBytes);
                    if (header.InformationBytes == 0) information = default;
                    while (!information.IsEmpty)
                    {
                        Assert.True(PacketInformation.TryRead(ref information, out PacketInformation element));
                        (line.FromGuest ? sent : received).Add(element.Type);
                    }
                }
                else
                {
                    Assert.True(RndisControlHeader.TryRead(rest, out RndisControlHeader header));
                    controls.Add(header.Type);
                    if (header.Type is RndisMessageType.Query or RndisMessageType.Set)
                    {
                        Assert.True(RndisRequest.TryRead(rest, out RndisRequest request));
                        requests.Add((header.Type, request.Object));
                    }
                }

                // What Linux puts behind a control message, up to the size of its structure, means nothing.
                int bytes = (int)ReadUInt32LittleEndian(rest[4..]);
                rest = type == RndisMessageType.Packet ? rest[bytes..] : default;
            }
        }

        Assert.Equal(
            [
                RndisMessageType.Initialize, RndisMessageType.Halt, RndisMessageType.Query, RndisMessageType.Set, RndisMessageType.InitializeComplete,
                RndisMessageType.QueryComplete, RndisMessageType.SetComplete,
            ],
            controls.Order());
        Assert.Superset(
            new HashSet<(RndisMessageType, NdisOid)>
            {
                (RndisMessageType.Query, NdisOid.MaximumFrameSize), (RndisMessageType.Query, NdisOid.PermanentAddress),
                (RndisMessageType.Query, NdisOid.OffloadHardwareCapabilities), (RndisMessageType.Query, NdisOid.MediaConnectStatus),
                (RndisMessageType.Query, NdisOid.LinkSpeed), (RndisMessageType.Query, NdisOid.ReceiveScaleCapabilities),
                (RndisMessageType.Set, NdisOid.OffloadParameters), (RndisMessageType.Set, NdisOid.ReceiveScaleParameters),
                (RndisMessageType.Set, NdisOid.CurrentPacketFilter),
            },
            requests);
        Assert.Superset(
            new HashSet<PacketInformationType> { PacketInformationType.Checksum, PacketInformationType.LargeSend, PacketInformationType.HashValue }, sent);
        Assert.Superset(new HashSet<PacketInformationType> { PacketInformationType.Checksum, PacketInformationType.Coalescing }, received);
    }

    private static IEnumerable<(bool FromGuest, byte[] Payload)> Payloads(string name)
    {
        foreach (SpecUtterance packet in SpecConversation.Load(name).Utterances.Where(line => line.Label.StartsWith("channel ", StringComparison.Ordinal)))
        {
            Assert.True(PacketDescriptor.TryRead(packet.Bytes, out PacketDescriptor descriptor));
            Assert.Equal(packet.Bytes.Length, descriptor.TotalBytes);
            yield return (packet.FromGuest, packet.Bytes[descriptor.HeaderBytes..]);
        }
    }

    private static void Copy<T>(byte[] payload, byte[] written, Reader<T> read, Writer<T> write)
    {
        Assert.True(read(payload, out T value));
        write(value, written);
    }
}
