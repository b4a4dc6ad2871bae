using VmBus.Bus.Devices;
using VmBus.Fuzz.Engine;
using VmBus.Memory.Rings;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.Providers.Network;
using VmBus.Providers.Tests.Network;
using static System.Buffers.Binary.BinaryPrimitives;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>The network adapter: NVSP and RNDIS messages and frames of any bytes. What was lent goes back once, and a channel that is closed ends.</summary>
internal sealed class NetworkTarget : IFuzzTarget
{
    // What one packet can bring about: every answer that waited, its own, and notices.
    private const int MostPackets = 200;
    private static readonly NdisOid[] Objects = Enum.GetValues<NdisOid>();
    private static readonly NvspMessageType[] Types = Enum.GetValues<NvspMessageType>();

    private readonly NetworkGuest _guest = new(queues: 2);
    private bool _isFirst = true, _isSpoiled = true;

    public string Name => "network";

    public string What => "NVSP and RNDIS messages, frames and acknowledgements";

    public IEnumerable<byte[]> Seeds =>
    [
        [2, 1, 4, 1, 4, 0, 0, 2, 20, 0, 3, 60, 0, 0, 4, 0, 5, 60],
        [2, 1, 5, 5, 8, 0, 0, 2, 1, 3, 200, 1, 0, 3, 100, 2, 0, 5, 200, 4, 0, 4, 0],
        [0, 0, 1, 1, 0, 1, 4, 0, 1, 5, 0],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        byte begin = steps.Byte();
        if (_isSpoiled || begin > 0xF0) Reopen(begin);
        (NetworkEndpoint endpoint, ScriptedNetworkChannel channel) = (_guest.Endpoint, _guest.Channel);
        ulong id = 10_000;
        while (!steps.IsEmpty && !_isSpoiled)
        {
            channel.Sent.RemoveAll(static packet => packet.Type == PacketType.Completion);
            int before = channel.Sent.Count;
            _isSpoiled = Step(endpoint, channel, ref steps, ref id) == PacketVerdict.Violation || channel.Failure is not null;
            channel.RunPosted();
            Must(channel.Sent.Count - before <= MostPackets, $"{channel.Sent.Count - before} packets for one of the guest's.");
        }
    }

    // Buffers of megabytes make an open slow: one lives over many inputs.
    private void Reopen(byte begin)
    {
        if (!_isFirst)
        {
            Close(_guest.Endpoint, _guest.Channel);
            _guest.Link.Queues.RemoveAll(static queue => queue.IsDisposed);
            _guest.Reopen();
        }

        (_isFirst, _isSpoiled) = (false, false);
        if (begin % 4 != 0) _guest.Connect((begin & 64) == 0 ? NvspVersion.V61 : NvspVersion.V5, 1500);
        if (begin % 4 > 1) _guest.Start();
        if (_guest.Channel.Queue is { } queue) queue.Record = false;
    }

    public void Dispose() => _guest.Dispose();

    private static void Close(NetworkEndpoint endpoint, ScriptedNetworkChannel channel)
    {
        endpoint.Close();
        channel.RunPosted();
        if (channel.Queue is { IsDisposed: false } queue) queue.Release(taken: false);
        channel.RunPosted();
        Must(channel.IsClosed, "A channel that is closed does not end.");
        foreach (ScriptedBuffer buffer in channel.Buffers.Values) Must(buffer.Taken == buffer.Released, $"A buffer was taken {buffer.Taken} times and given back {buffer.Released}.");
    }

    private PacketVerdict Step(NetworkEndpoint endpoint, ScriptedNetworkChannel channel, ref FuzzInput input, ref ulong id)
    {
        switch (input.Byte() % 7)
        {
            case 0:
                return Deliver(endpoint, (PacketType)input.Below(16), input.Block(96), input.Block(200), id++);
            case 1:
                byte[] setup = new byte[40];
                WriteUInt32LittleEndian(setup, (uint)Types[input.Below(Types.Length)]);
                WriteUInt32LittleEndian(setup.AsSpan(4), (input.Byte() & 1) == 0 ? NetworkGuest.ReceiveGpadl : input.Number());
                input.Change(setup);
                return Deliver(endpoint, PacketType.DataInband, [], setup, id++);
            case 2:
                return Rndis(endpoint, NvspChannelType.Control, Control(ref input), ref input, ref id);
            case 3:
                return Rndis(endpoint, NvspChannelType.Data, Frame(ref input), ref input, ref id);
            case 4:
                return Acknowledge(channel, ref input);
            case 5:
                if (channel.Queue is { IsDisposed: false } queue) queue.Deliver(TestFrames.Ip(4, 6, input.UInt16() % 1400));
                return PacketVerdict.Taken;
            default:
                byte choice = input.Byte();
                channel.Room = (choice & 1) == 0 ? int.MaxValue : choice & 7;
                if (channel.Queue is { IsDisposed: false } link)
                {
                    link.Hold = (choice & 16) != 0;
                    if (!link.Hold) link.Release((choice & 32) != 0);
                }

                endpoint.EndBatch();
                return PacketVerdict.Taken;
        }
    }

    private static byte[] Control(ref FuzzInput input)
    {
        byte[] value = input.Block(160);
        byte[] message = new byte[RndisRequest.Size + value.Length];
        RndisMessageType type = (RndisMessageType)(2 + (input.Byte() % 7));
        new RndisRequest(new RndisControlHeader(type, (uint)message.Length, 77), Objects[input.Below(Objects.Length)], (uint)value.Length, 20).Write(message);
        value.CopyTo(message, RndisRequest.Size);
        input.Change(message);
        return message;
    }

    private static byte[] Frame(ref FuzzInput input)
    {
        byte[] frame = (input.Byte() & 3) switch
        {
            0 => TestFrames.Plain(14 + input.Below(1600)),
            1 => TestFrames.Ip(4, 17, input.Below(1400)),
            2 => TestFrames.Ip(6, 6, input.Below(1400)),
            _ => TestFrames.Ip(4, 6, input.Below(5000)),
        };
        byte[] packet = (input.Byte() & 3) switch
        {
            0 => NetworkGuest.Packet(frame),
            1 => NetworkGuest.Packet(frame, (PacketInformationType.Checksum, input.UInt32())),
            2 => NetworkGuest.Packet(frame, (PacketInformationType.LargeSend, input.UInt32())),
            _ => NetworkGuest.Packet(frame, ((PacketInformationType)input.Number(), input.UInt32()), (PacketInformationType.Checksum, ChecksumToDo.IsIpv4 | ChecksumToDo.Tcp | (34u << 16))),
        };
        input.Change(packet.AsSpan(0, Math.Min(packet.Length, 128)));
        return packet;
    }

    private PacketVerdict Rndis(NetworkEndpoint endpoint, NvspChannelType kind, byte[] rndis, ref FuzzInput input, ref ulong id)
    {
        byte[] nvsp = new byte[40];
        byte choice = input.Byte();
        if (choice < 64)
        {
            uint section = input.Number();
            if (section < 170) _ = _guest.SendBuffer.Memory.TryWrite(section * 6144L, rndis.AsSpan(0, Math.Min(rndis.Length, 6144)));
            new NvspRndisPacket(kind, section, (uint)rndis.Length).Write(nvsp);
            input.Change(nvsp);
            return Deliver(endpoint, PacketType.DataInband, [], nvsp, id++);
        }

        new NvspRndisPacket(kind, NetworkInterface.NoSection, 0).Write(nvsp);
        byte[] ranges = _guest.Place(rndis, choice & 63, 8 + (choice * 8));
        input.Change(ranges);
        return Deliver(endpoint, PacketType.DataUsingGpaDirect, ranges, nvsp, id++);
    }

    private static PacketVerdict Deliver(NetworkEndpoint endpoint, PacketType type, byte[] ranges, byte[] payload, ulong id)
    {
        Array.Resize(ref ranges, ranges.Length & ~7);
        Array.Resize(ref payload, (payload.Length + 7) & ~7);
        int header = PacketDescriptor.Size + ranges.Length;
        PacketVerdict verdict = endpoint.Receive(new RingPacket(new PacketDescriptor(type, header, header + payload.Length, PacketDescriptor.CompletionRequested, id), ranges, payload));
        endpoint.EndBatch();
        return verdict;
    }

    private PacketVerdict Acknowledge(ScriptedNetworkChannel channel, ref FuzzInput input)
    {
        HostPacket? sent = channel.Sent.Find(static packet => packet.Type == PacketType.DataUsingTransferPages);
        if ((input.Byte() & 31) == 31) return _guest.Acknowledge(input.Number());
        if (sent is null) return PacketVerdict.Taken;
        channel.Sent.Remove(sent);
        return _guest.Acknowledge(sent.TransactionId);
    }
}
