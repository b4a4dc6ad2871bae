using VmBus.Conformance.Checks.Bus;
using VmBus.Conformance.Running;
using VmBus.Memory.Rings;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Sockets;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Checks.Devices;

/// <summary>Sockets. A host under test has a program behind port 7 that sends back what it gets. Source: protocol-spec/sockets.md.</summary>
internal static class SocketChecks
{
    /// <summary>The port of the program that echoes.</summary>
    public const uint EchoPort = 7;

    private const OfferFlags SocketFlag = (OfferFlags)0x2000;
    private const int HeaderBytes = 8;
    private const int MaximumDataBytes = 16384;

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("SK-1", static bench => RefusesWith(bench)),
        new("SK-2", OffersTheConnection),
        new("SK-3", WritesSoundPackets),
        new("SK-4", CarriesBytes),
        new("SK-5", EndsBoth),
        new("SK-6", ClosesAtNonsense),
    ];

    private static string RefusesWith(Bench bench)
    {
        string evidence = LaterChecks.RefusesConnects(bench);
        Bench.Must(evidence.Contains("c0000236", StringComparison.Ordinal), evidence);
        return evidence;
    }

    private static string OffersTheConnection(Bench bench)
    {
        OfferChannel offer = Connect(bench, out Guid endpoint);
        Bench.Must(offer.InterfaceType == SocketInterface.FromPort(EchoPort), $"The offer's type is {offer.InterfaceType}.");
        Bench.Must(offer.InterfaceInstance == endpoint, $"The offer's instance is {offer.InterfaceInstance}.");
        Bench.Must((offer.Flags & SocketFlag) != 0, $"The offer's flags are {(int)offer.Flags:x}.");
        Bench.Must(offer.UserDefined.Span[4] == 0, "The offer says that the host connects.");
        return $"channel {offer.ChannelId}, flags {(int)offer.Flags:x}";
    }

    private static string WritesSoundPackets(Bench bench)
    {
        BenchChannel channel = bench.Open(Connect(bench, out _), pagesPerRing: 9);
        Send(channel, new byte[4000]);
        Send(channel, new byte[4000]);
        int received = 0, longest = 0;
        while (received < 8000)
        {
            int bytes = Data(channel.Expect("8000 bytes")).Length;
            Bench.Must(bytes is > 0 and <= MaximumDataBytes, $"A packet has {bytes} bytes of data.");
            (received, longest) = (received + bytes, Math.Max(longest, bytes));
        }

        return $"at most {longest} bytes in one packet";
    }

    private static string CarriesBytes(Bench bench)
    {
        const int Total = 300_000;
        BenchChannel channel = bench.Open(Connect(bench, out _), pagesPerRing: 9);
        byte[] sent = new byte[Total];
        new Random(1).NextBytes(sent);
        int at = 0;
        var received = new List<byte>(Total);
        while (received.Count < Total)
        {
            int part = Math.Min(2000, Total - at);
            bool isSent = part > 0 && channel.Client.TrySend(PacketType.DataInband, [], Packet(sent.AsSpan(at, part)), 0, 0) == RingStatus.Ok;
            if (isSent)
            {
                channel.Client.Flush();
                at += part;
                continue;
            }

            // The ring is full, or everything is on its way: the program's answer makes room.
            received.AddRange(Data(channel.Expect($"{received.Count} of {Total} bytes")));
        }

        Bench.Must(received.SequenceEqual(sent), "The bytes are not those that were sent.");
        return $"{Total} bytes there and back";
    }

    private static string EndsBoth(Bench bench)
    {
        BenchChannel channel = bench.Open(Connect(bench, out _), pagesPerRing: 9);
        Send(channel, [1, 2, 3]);
        Send(channel, []);
        Bench.Must(Data(channel.Expect("Three bytes")) is [1, 2, 3], "Other bytes came back.");
        Bench.Must(Data(channel.Expect("The end of the guest's direction")).Length == 0, "Bytes came where the end was due.");
        _ = bench.Await<RescindChannelOffer>("The end of both directions", rescind => rescind.ChannelId == channel.Id);
        return "three bytes, both ends, the rescind";
    }

    private static string ClosesAtNonsense(Bench bench)
    {
        foreach ((string name, byte[][] packets) in new (string, byte[][])[]
        {
            ("data after the end", [Packet([]), Packet([1])]),
            ("a length beyond the packet", [Raw(1, 1000, 8)]),
            ("another type", [Raw(2, 8, 8)]),
        })
        {
            BenchChannel channel = bench.Open(Connect(bench, out _), pagesPerRing: 9);
            foreach (byte[] packet in packets) channel.Send(packet, 0, flags: 0);
            _ = bench.Await<RescindChannelOffer>($"With {name}", rescind => rescind.ChannelId == channel.Id);
            bench.MustGoOn($"The rescind with {name}");
        }

        return "data after the end, a length beyond the packet, another type";
    }

    private static OfferChannel Connect(Bench bench, out Guid endpoint)
    {
        _ = bench.ConnectAndList(ProtocolVersion.V5_2);
        endpoint = Guid.NewGuid();
        bench.Post(new TlConnectRequest(endpoint, SocketInterface.FromPort(EchoPort), Guid.Empty));
        byte[] answer = bench.Take() ?? throw new RuleBrokenException("TL_CONNECT_REQUEST was not answered.");
        if (Bench.TypeOf(answer) == ClientBoundType.TlConnectResult) throw new NotCoveredException($"No program of the host echoes behind port {EchoPort}.");
        Bench.Must(OfferChannel.TryRead(answer, out OfferChannel offer) && Bench.TypeOf(answer) == ClientBoundType.OfferChannel, $"TL_CONNECT_REQUEST was answered with {Bench.TypeOf(answer)}.");
        return offer;
    }

    private static void Send(BenchChannel channel, ReadOnlySpan<byte> data) => channel.Send(Packet(data), 0, flags: 0);

    private static byte[] Packet(ReadOnlySpan<byte> data)
    {
        byte[] packet = Raw(1, (uint)data.Length, data.Length);
        data.CopyTo(packet.AsSpan(HeaderBytes));
        return packet;
    }

    private static byte[] Raw(uint type, uint bytes, int room)
    {
        byte[] packet = new byte[HeaderBytes + room];
        WriteUInt32LittleEndian(packet, type);
        WriteUInt32LittleEndian(packet.AsSpan(4), bytes);
        return packet;
    }

    private static byte[] Data(ReceivedPacket packet)
    {
        bool whole = packet.Payload.Length >= HeaderBytes;
        (uint type, uint bytes) = whole ? (ReadUInt32LittleEndian(packet.Payload), ReadUInt32LittleEndian(packet.Payload.AsSpan(4))) : (0, 0);
        bool sound = whole && type == 1 && bytes <= packet.Payload.Length - HeaderBytes && packet.Descriptor is { Type: PacketType.DataInband, Flags: 0 };
        Bench.Must(sound, $"A packet of {packet.Payload.Length} bytes says type {type} and {bytes} bytes.");
        return packet.Payload.AsSpan(HeaderBytes, (int)bytes).ToArray();
    }
}
