using System.Buffers.Binary;
using VmBus.Client.Channels;
using VmBus.Client.Network;
using VmBus.Client.Tests.Hosts;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using Xunit;

namespace VmBus.Client.Tests.Network;

/// <summary>A network host that answers nonsense: a status for whoever asked, a count, and never an exception.</summary>
public sealed class HostileNetworkTests : IDisposable
{
    private readonly ScriptedNetworkHost _host = new();
    private readonly VmBusClient _client;
    private readonly NetvscClient _adapter;

    public HostileNetworkTests()
    {
        _client = new VmBusClient(_host, new PagePool(_host.Memory, 16));
        Assert.Equal(ClientStatus.Ok, _client.Connect(ProtocolVersion.V5_3));
        Assert.Equal(ClientStatus.Ok, _client.RequestOffers());
        // The host answers before the client looks, or not at all.
        _adapter = new NetvscClient(_client, _client.Offers[0], new NetvscOptions { AnswerTimeout = TimeSpan.Zero, MaximumQueues = 2, ReceivePages = 256 });
    }

    public static TheoryData<NvspMessageType> Requests =>
        [NvspMessageType.Initialize, NvspMessageType.SendReceiveBuffer, NvspMessageType.SendSendBuffer, NvspMessageType.SendRndisPacket];

    public void Dispose() => _host.Dispose();

    [Fact]
    public void Sound_host_of_this_kind_is_taken()
    {
        Start();
        Assert.Equal(SendResult.Sent, _adapter.Queues[0].TrySend(new byte[60]));
        _adapter.Queues[0].Flush();
        _adapter.Queues[0].Poll(null);
        Assert.Equal(1, _adapter.Queues[0].Counters.Sent);
        Assert.Equal(ClientStatus.Ok, _adapter.Stop());
        Assert.Equal(0, _adapter.Violations);
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public void Answer_that_is_short_is_a_violation(NvspMessageType type)
    {
        Tamper(type, static answer => [answer[..4]]);
        Assert.Equal(ClientStatus.Violation, _adapter.Start());
        Leave();
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public void Answer_without_a_payload_is_a_violation(NvspMessageType type)
    {
        Tamper(type, static _ => [[]]);
        Assert.Equal(ClientStatus.Violation, _adapter.Start());
        Leave();
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public void Answer_of_another_type_is_a_violation(NvspMessageType type)
    {
        Tamper(type, static answer => [With(answer, 0, 128)]);
        Assert.Equal(ClientStatus.Violation, _adapter.Start());
        Leave();
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public void Answer_that_does_not_come_ends_the_wait(NvspMessageType type)
    {
        Tamper(type, static _ => []);
        Assert.Equal(ClientStatus.TimedOut, _adapter.Start());
        Leave();
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public void Refusal_is_passed_on(NvspMessageType type)
    {
        byte[] refusal = new byte[8];
        new NvspPacketComplete(NvspStatus.ProtocolUnsupported).Write(refusal);
        Tamper(type, _ => [refusal]);
        Assert.Equal(ClientStatus.Refused, _adapter.Start());
        Leave();
    }

    [Theory]
    [InlineData(NvspMessageType.SendReceiveBuffer, 8, 2u)]
    [InlineData(NvspMessageType.SendReceiveBuffer, 12, 8u)]
    [InlineData(NvspMessageType.SendReceiveBuffer, 16, 0u)]
    [InlineData(NvspMessageType.SendReceiveBuffer, 16, 67u)]
    [InlineData(NvspMessageType.SendReceiveBuffer, 16, 0xFFFFFFFFu)]
    [InlineData(NvspMessageType.SendReceiveBuffer, 20, 0u)]
    [InlineData(NvspMessageType.SendReceiveBuffer, 20, 513u)]
    [InlineData(NvspMessageType.SendReceiveBuffer, 20, 0xFFFFFFFFu)]
    [InlineData(NvspMessageType.SendSendBuffer, 8, 0u)]
    [InlineData(NvspMessageType.SendSendBuffer, 8, 64u)]
    [InlineData(NvspMessageType.SendSendBuffer, 8, 6146u)]
    [InlineData(NvspMessageType.SendSendBuffer, 8, 65536u)]
    public void Sections_that_cannot_be_are_a_violation(NvspMessageType type, int offset, uint value)
    {
        Tamper(type, answer => [With(answer, offset, value)]);
        Assert.Equal(ClientStatus.Violation, _adapter.Start());
        Assert.Equal(ClientViolation.BadValue, _adapter.LastViolation);
        Leave();
    }

    [Theory]
    [InlineData(8, 0x99u, ClientStatus.TimedOut)]
    [InlineData(0, 0x80000006u, ClientStatus.TimedOut)]
    [InlineData(4, 5u, ClientStatus.TimedOut)]
    [InlineData(4, 0xFFFFFFFFu, ClientStatus.TimedOut)]
    [InlineData(4, 20u, ClientStatus.Violation)]
    [InlineData(12, 0xC0000001u, ClientStatus.Refused)]
    [InlineData(16, 0xFFFFFFFFu, ClientStatus.Violation)]
    [InlineData(20, 0u, ClientStatus.Violation)]
    [InlineData(20, 0xFFFFFFF0u, ClientStatus.Violation)]
    public void Rndis_answer_that_makes_no_sense_is_a_status(int offset, uint value, ClientStatus expected)
    {
        Start();
        _host.TamperReply = reply => [With(reply, offset, value)];
        Assert.Equal(expected, _adapter.Query(NdisOid.MaximumFrameSize, default, out _));
        _host.TamperReply = null;
        Assert.Equal(ClientStatus.Ok, _adapter.Query(NdisOid.MaximumFrameSize, default, out _));
        Leave();
    }

    [Fact]
    public void Rndis_answer_that_comes_twice_is_counted_once()
    {
        Start();
        _host.TamperReply = static reply => [reply, reply];
        Assert.Equal(ClientStatus.Ok, _adapter.SetFilter(1));
        Assert.Equal((1, ClientViolation.Unasked), (_adapter.Violations, _adapter.LastViolation));
    }

    [Fact]
    public void Address_of_the_wrong_length_is_a_violation()
    {
        // One byte less than the value has: it moves to where the address begins.
        _host.TamperReply = static reply => reply.Length == 30 ? [With(reply, 16, 5)] : [reply];
        Assert.Equal(ClientStatus.Violation, _adapter.Start());
        Leave();
    }

    [Fact]
    public void Subchannels_that_were_not_asked_for_are_a_violation_and_those_that_do_not_come_end_the_wait()
    {
        Start();
        Tamper(NvspMessageType.Subchannel, static answer => [With(answer, 8, 2)]);
        Assert.Equal(ClientStatus.Violation, _adapter.OpenSubchannels(1));
        _host.TamperAnswer = null;
        Assert.Equal(ClientStatus.TimedOut, _adapter.OpenSubchannels(1));
        Assert.Single(_adapter.Queues);
    }

    [Theory]
    [InlineData(60u, 0xFFFFFFF0u)]
    [InlineData(60u, 256u * 4096)]
    [InlineData(2049u, 0u)]
    [InlineData(0xFFFFFFFFu, 0u)]
    [InlineData(43u, 0u)]
    [InlineData(0u, 0u)]
    public void Frame_outside_of_its_section_is_dropped_and_acknowledged_as_such(uint bytes, uint offset)
    {
        Start();
        Assert.True(_host.Receive.TryWrite(0, ScriptedNetworkHost.Packet(new byte[16])));
        _host.SendTransfer(33, NetworkInterface.ReceiveBufferId, NvspChannelType.Data, (bytes, offset));
        Assert.Equal([(33ul, NvspStatus.Failure)], Poll());
        Assert.Equal((0, 1), (_adapter.Queues[0].Counters.Received, _adapter.Queues[0].Counters.ReceiveFailed));
    }

    [Fact]
    public void Packet_of_another_buffer_has_no_answer()
    {
        Start();
        _host.SendTransfer(33, 0xBEEF, NvspChannelType.Data, (60, 0));
        _host.SendPacket(PacketType.DataUsingTransferPages, new byte[8], new byte[40], 34, 1);
        _host.SendPacket(PacketType.DataUsingTransferPages, [], new byte[40], 35, 1);
        _host.SendPacket(PacketType.DataUsingGpadl, [], new byte[40], 36, 1);
        Assert.Empty(Poll());
        Assert.Equal(4, _adapter.Violations);
    }

    [Theory]
    [InlineData(CoalescingFlags.Piece)]
    [InlineData(CoalescingFlags.Piece | CoalescingFlags.First)]
    [InlineData(CoalescingFlags.Piece | CoalescingFlags.Last)]
    public void Piece_of_a_frame_without_the_others_is_dropped(CoalescingFlags flags)
    {
        Start();
        byte[] information = new byte[16];
        PacketInformation.Write(information, PacketInformationType.Coalescing, 1u | ((uint)flags << 8));
        byte[] packet = ScriptedNetworkHost.Packet(new byte[100], information);
        Assert.True(_host.Receive.TryWrite(0, packet));
        _host.SendTransfer(33, NetworkInterface.ReceiveBufferId, NvspChannelType.Data, ((uint)packet.Length, 0));
        Assert.Equal([(33ul, NvspStatus.Failure)], Poll());
        Assert.Equal(0, _adapter.Queues[0].Counters.Received);
    }

    [Fact]
    public void Completion_of_nothing_or_twice_is_counted_and_frees_nothing()
    {
        Start();
        NetvscQueue queue = _adapter.Queues[0];
        _host.CompletesFrames = false;
        int room = 0;
        while (queue.TrySend(new byte[60]) == SendResult.Sent) room++;
        queue.Flush();
        byte[] complete = new byte[8];
        new NvspPacketComplete(NvspStatus.Success).Write(complete);
        foreach (ulong id in new ulong[] { 0, 1, 1, (ulong)room + 1, ulong.MaxValue, 1ul << 40 }) _host.SendPacket(PacketType.Completion, [], complete, id, 0);
        queue.Poll(null);
        Assert.Equal((room - 1, 5), (queue.InFlight, _adapter.Violations));
    }

    [Fact]
    public void Corrupt_ring_ends_the_queue_and_whoever_waits_for_it()
    {
        Start();
        ClientChannel channel = _adapter.Queues[0].Channel;
        Gpa inbound = Gpa.FromPage(channel.Pages.FirstPage + (ulong)channel.PagesPerRing);
        Assert.True(_host.Memory.TryWrite(inbound, [0xF9, 0xFF, 0xFF, 0xFF]));
        Assert.Equal(0, _adapter.Queues[0].Poll(null));
        Assert.True(_adapter.Queues[0].IsBroken);
        Assert.Equal(SendResult.Broken, _adapter.Queues[0].TrySend(new byte[60]));
        Assert.Equal(ClientStatus.Violation, _adapter.SetFilter(0));
        Assert.Equal(ClientViolation.CorruptRing, _adapter.LastViolation);
        Leave();
    }

    [Fact]
    public void Whatever_packets_come_nothing_throws_and_the_driver_goes_on()
    {
        Start();
        NetvscQueue queue = _adapter.Queues[0];
        var random = new Random(1);
        byte[] section = new byte[ScriptedNetworkHost.SectionBytes];
        for (int i = 0; i < 30_000; i++)
        {
            random.NextBytes(section);
            // Half of them begin like a packet of this length.
            if (i % 2 == 0) ScriptedNetworkHost.Packet(new byte[random.Next(0, 1900)]).AsSpan(0, random.Next(8, 44)).CopyTo(section);
            Assert.True(_host.Receive.TryWrite(0, section));
            byte[] header = new byte[8 * random.Next(0, 8)];
            random.NextBytes(header);
            if (header.Length >= 16 && i % 3 != 0)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(header, NetworkInterface.ReceiveBufferId);
                BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), (uint)random.Next(0, 8));
                BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), (uint)random.Next(0, 4096));
                BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), (uint)random.Next(0, 64));
            }

            byte[] payload = new byte[random.Next(0, 64)];
            random.NextBytes(payload);
            if (payload.Length >= 8 && i % 4 != 0) new NvspRndisPacket((NvspChannelType)random.Next(0, 3), 0, 0).Write(payload.Length < 16 ? payload = new byte[16] : payload);
            PacketType type = (PacketType)random.Next(5, 13);
            _host.SendPacket(type, header, payload, i % 5 == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(0, 300), (ushort)random.Next(0, 2));
            queue.Poll(null);
            if (i % 50 == 0) _host.Signal(0);
        }

        Assert.True(_adapter.Violations > 1000);
        _host.Signal(0);
        Assert.Equal(ClientStatus.Ok, _adapter.SetFilter(1));
    }

    private static byte[] With(byte[] message, int offset, uint value)
    {
        byte[] copy = [.. message];
        BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(offset), value);
        return copy;
    }

    private void Start()
    {
        Assert.Equal(ClientStatus.Ok, _adapter.Start());
        Assert.Equal(0, _adapter.Violations);
    }

    private void Tamper(NvspMessageType type, Func<byte[], IEnumerable<byte[]>> tamper)
        => _host.TamperAnswer = (request, answer) => request == type ? tamper(answer) : [answer];

    private List<(ulong Id, NvspStatus Status)> Poll()
    {
        _host.Acknowledged.Clear();
        _adapter.Queues[0].Poll(null);
        _host.Signal(0);
        return _host.Acknowledged;
    }

    // However far it came, it can be left, and the bus goes on.
    private void Leave()
    {
        _host.TamperAnswer = null;
        _host.TamperReply = null;
        _ = _adapter.Stop();
        Assert.Equal(ClientStatus.Ok, _client.Unload());
    }
}
