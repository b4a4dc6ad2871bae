using VmBus.Client;
using VmBus.Conformance.Running;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Network;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Checks.Devices;

/// <summary>The network adapter. Source: protocol-spec/network.md.</summary>
internal static class NetworkChecks
{
    private static readonly NvspVersion[] Versions = [NvspVersion.V1, NvspVersion.V2, NvspVersion.V4, NvspVersion.V5, NvspVersion.V6, NvspVersion.V61];

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("NW-1", OffersPlainly),
        new("NW-2", TakesVersions),
        new("NW-3", TakesTheHighest),
        new("NW-4", HasItsLengths),
        new("NW-5", KeepsTheOrder),
        new("NW-6", DividesTheBuffer),
        new("NW-7", RefusesOtherBuffers),
        new("NW-8", DividesTheSendBuffer),
        new("NW-9", RefusesUnknownMessages),
        new("NW-10", RefusesEarlyControls),
        new("NW-11", InitializesRndis),
        new("NW-12", AnswersQueries),
        new("NW-13", RefusesObjects),
        new("NW-14", RefusesMalformed),
        new("NW-15", CompletesFrames),
        new("NW-16", NumbersPackets),
        new("NW-17", ClosesAtOddCompletions),
        new("NW-18", KeepsSections),
        new("NW-19", LetsGoOfBuffers),
        new("NW-20", CountsSubchannels),
        new("NW-22", AnswersKeepAlive),
    ];

    private static string OffersPlainly(Bench bench)
    {
        _ = bench.ConnectAndList();
        OfferChannel offer = bench.Find(NetworkInterface.Synthetic, "network adapter");
        Bench.Must(offer.Flags == OfferFlags.None, $"The offer has flags {offer.Flags}.");
        Bench.Must(offer.UserDefined.Span.IndexOfAnyExcept((byte)0) < 0, "The offer's user-defined area is not empty.");
        return $"channel {offer.ChannelId}, flags 0";
    }

    private static string TakesVersions(Bench bench)
    {
        NetworkBench network = NetworkBench.Open(bench);
        foreach (uint unknown in new uint[] { 0x0003_0001, 0x0007_0000, uint.MaxValue })
        {
            NvspInitializeComplete refused = network.Initialize((NvspVersion)unknown, (NvspVersion)unknown);
            Bench.Must(refused.Status == NvspStatus.ProtocolUnsupported, $"Version {unknown:x} was answered with {refused.Status}.");
        }

        NvspVersion[] taken = [.. Versions.Where(version => network.Initialize(version, version).Status == NvspStatus.Success)];
        Bench.Must(taken.Length > 0, "No version was taken.");
        return $"three refused, taken {string.Join(", ", taken)}";
    }

    private static string TakesTheHighest(Bench bench)
    {
        NetworkBench network = NetworkBench.Open(bench);
        NvspInitializeComplete all = network.Initialize(NvspVersion.V1, (NvspVersion)0x7FFF_FFFF);
        Bench.Must(all.Status == NvspStatus.Success, $"From 1 to everything was answered with {all.Status}.");
        // With 6.1 messages have 40 bytes: the version that was taken shows there.
        int expected = network.Initialize(NvspVersion.V61, NvspVersion.V61).Status == NvspStatus.Success ? 40 : 32;
        byte[] answer = network.Ask(static message => new NvspInitialize(NvspVersion.V1, (NvspVersion)0x7FFF_FFFF).Write(message), "Initialize");
        Bench.Must(answer.Length == expected, $"Answers have {answer.Length} bytes, not {expected}.");
        NvspInitializeComplete low = network.Initialize(NvspVersion.V1, NvspVersion.V1);
        Bench.Must(low.Status != NvspStatus.Success || low.Version == (uint)NvspVersion.V1, $"Version 1 was answered with {low.Version:x}.");
        return $"from 1 to everything: answers of {expected} bytes";
    }

    private static string HasItsLengths(Bench bench)
    {
        NetworkBench network = NetworkBench.Open(bench);
        int checks = 0;
        foreach (NvspVersion version in Versions)
        {
            byte[] answer = network.Ask(message => new NvspInitialize(version, version).Write(message), "Initialize");
            if (!NvspInitializeComplete.TryRead(answer, out NvspInitializeComplete complete) || complete.Status != NvspStatus.Success) continue;
            Bench.Must(answer.Length == (version == NvspVersion.V61 ? 40 : 32), $"With {version} an answer has {answer.Length} bytes.");
            checks++;
        }

        byte[] refusal = network.Ask(static message => message[0] = 200, "An unknown message");
        Bench.Must(refusal.Length == NvspPacketComplete.Size, $"An RNDIS completion has {refusal.Length} bytes.");
        return $"{checks} versions, and an RNDIS completion of 8 bytes";
    }

    private static string KeepsTheOrder(Bench bench)
    {
        NetworkBench network = NetworkBench.Open(bench);
        foreach (NvspMessageType type in new[] { NvspMessageType.SendReceiveBuffer, NvspMessageType.SendSendBuffer, NvspMessageType.Subchannel })
        {
            byte[] answer = network.Ask(message => WriteUInt32LittleEndian(message, (uint)type), type.ToString());
            Bench.Must(StatusOf(answer) == NvspStatus.Failure, $"{type} before Initialize was answered with {Convert.ToHexString(answer)}.");
        }

        NvspInitializeComplete complete = network.Initialize(NvspVersion.V5, NvspVersion.V5);
        if (complete.Status != NvspStatus.Success) throw new NotCoveredException("The network adapter does not speak 5.");
        network.GiveBuffers();
        byte[] second = network.Ask(static message => new NvspInitialize(NvspVersion.V5, NvspVersion.V5).Write(message), "A second Initialize");
        Bench.Must(StatusOf(second) == NvspStatus.Failure, $"A second Initialize was answered with {Convert.ToHexString(second)}.");
        return "three requests before Initialize, Initialize after the receive buffer";
    }

    private static string DividesTheBuffer(Bench bench)
    {
        NetworkBench network = NetworkBench.Negotiated(bench);
        (PageRun pages, uint gpadl) = network.Describe(512);
        byte[] answer = network.Ask(message => new NvspBuffer(gpadl, NetworkInterface.ReceiveBufferId).Write(message, NvspMessageType.SendReceiveBuffer), "SendReceiveBuffer");
        Bench.Must(NvspReceiveSections.TryRead(answer, out NvspReceiveSections sections) && sections.Status == NvspStatus.Success, $"The answer was {Convert.ToHexString(answer)}.");
        (uint runs, uint offset, uint end) = (ReadUInt32LittleEndian(answer.AsSpan(8)), ReadUInt32LittleEndian(answer.AsSpan(12)), ReadUInt32LittleEndian(answer.AsSpan(24)));
        Bench.Must(runs == 1 && offset == 0, $"{runs} runs from offset {offset} on.");
        ulong all = (ulong)sections.SectionBytes * sections.SectionCount;
        Bench.Must(all > 0 && all == end && all <= (ulong)pages.PageCount * Gpa.PageBytes, $"{sections.SectionCount} sections of {sections.SectionBytes} bytes end at {end}.");
        return $"{sections.SectionCount} sections of {sections.SectionBytes} bytes";
    }

    private static string RefusesOtherBuffers(Bench bench)
    {
        NetworkBench network = NetworkBench.Negotiated(bench);
        foreach (NvspMessageType type in new[] { NvspMessageType.SendReceiveBuffer, NvspMessageType.SendSendBuffer })
        {
            byte[] answer = network.Ask(message => new NvspBuffer(0x7777, NetworkInterface.ReceiveBufferId).Write(message, type), type.ToString());
            Bench.Must(StatusOf(answer) is not (NvspStatus.Success or NvspStatus.None), $"{type} of no GPADL was answered with {Convert.ToHexString(answer)}.");
        }

        network.GiveBuffers();
        return "both kinds refused, then both taken";
    }

    private static string DividesTheSendBuffer(Bench bench)
    {
        NetworkBench network = NetworkBench.Negotiated(bench);
        network.GiveBuffers();
        Bench.Must(network.SendSectionBytes >= 1514, $"A section has {network.SendSectionBytes} bytes.");
        return $"sections of {network.SendSectionBytes} bytes";
    }

    private static string RefusesUnknownMessages(Bench bench)
    {
        NetworkBench network = NetworkBench.Negotiated(bench);
        foreach (uint type in new uint[] { 0, 2, 99, 136, 1000, uint.MaxValue })
        {
            byte[] answer = network.Ask(message => WriteUInt32LittleEndian(message, type), $"Message {type}");
            bool refused = NetworkBench.TypeOf(answer) == NvspMessageType.SendRndisPacketComplete && StatusOf(answer) is not (NvspStatus.Success or NvspStatus.None);
            Bench.Must(refused, $"Message {type} was answered with {Convert.ToHexString(answer)}.");
        }

        return "six numbers";
    }

    private static string RefusesEarlyControls(Bench bench)
    {
        NetworkBench network = NetworkBench.Negotiated(bench);
        byte[] keepAlive = new byte[RndisControlHeader.Size];
        new RndisControlHeader(RndisMessageType.KeepAlive, RndisControlHeader.Size, 1).Write(keepAlive);
        NvspStatus status = network.Control(keepAlive);
        Bench.Must(status == NvspStatus.Failure, $"A control message without a receive buffer was completed with {status}.");
        return "Failure";
    }

    private static string InitializesRndis(Bench bench)
    {
        NetworkBench network = NetworkBench.Negotiated(bench);
        network.GiveBuffers();
        RndisInitializeComplete complete = network.InitializeRndis(out uint id);
        Bench.Must(complete.RequestId == id, $"Request {id} was answered as {complete.RequestId}.");
        Bench.Must(complete.Status == RndisStatus.Success && complete.MaximumPackets > 0, $"Status {complete.Status}, {complete.MaximumPackets} packets.");
        return $"request id echoed, up to {complete.MaximumPackets} packets in one message";
    }

    private static string AnswersQueries(Bench bench)
    {
        NetworkBench network = NetworkBench.Ready(bench);
        (RndisStatus status, byte[] address) = network.Query(NdisOid.PermanentAddress);
        Bench.Must(status == RndisStatus.Success && address.Length == 6, $"PermanentAddress: {status}, {address.Length} bytes.");
        (status, byte[] value) = network.Query(NdisOid.MaximumFrameSize);
        Bench.Must(status == RndisStatus.Success && value.Length == 4 && ReadUInt32LittleEndian(value) >= 1500, $"MaximumFrameSize: {status}, {Convert.ToHexString(value)}.");
        return $"address {Convert.ToHexString(address)}, MTU {ReadUInt32LittleEndian(value)}";
    }

    private static string RefusesObjects(Bench bench)
    {
        NetworkBench network = NetworkBench.Ready(bench);
        foreach (uint oid in new uint[] { 0, 0xFFFF_FFFF, 0x0001_02FF })
        {
            (RndisStatus status, _) = network.Query((NdisOid)oid);
            Bench.Must(status == RndisStatus.NotSupported, $"Object {oid:x} was answered with {status}.");
        }

        return "three objects";
    }

    private static string RefusesMalformed(Bench bench)
    {
        NetworkBench network = NetworkBench.Ready(bench);
        foreach ((uint type, uint bytes, int length) in new[] { (4u, 0u, 12), (4u, 13u, 12), (4u, uint.MaxValue, 28), (4u, 12u, 8), (4u, 28u, 4) })
        {
            byte[] message = new byte[length];
            if (length >= 4) WriteUInt32LittleEndian(message, type);
            if (length >= 8) WriteUInt32LittleEndian(message.AsSpan(4), bytes);
            NvspStatus status = network.Control(message);
            Bench.Must(status == NvspStatus.InvalidRndisPacket, $"{length} bytes that say {bytes} were completed with {status}.");
        }

        Bench.Must(network.Query(NdisOid.PermanentAddress).Status == RndisStatus.Success, "The adapter does not go on.");
        return "five messages, no RNDIS answer";
    }

    private static string CompletesFrames(Bench bench)
    {
        NetworkBench network = NetworkBench.Ready(bench);
        const int Frames = 100;
        for (int i = 0; i < Frames; i++)
        {
            NvspStatus status = network.Rndis(Frame(60 + i), NvspChannelType.Data);
            Bench.Must(status == NvspStatus.Success, $"Frame {i} was completed with {status}.");
        }

        Bench.Must(network.Channel.Take(TimeSpan.FromMilliseconds(20)) is null, "A packet came that nothing asked for.");
        return $"{Frames} frames, one completion each";
    }

    private static string NumbersPackets(Bench bench)
    {
        NetworkBench network = NetworkBench.Ready(bench);
        var held = new HashSet<ulong>();
        foreach (ReceivedPacket packet in Replies(network, 8))
        {
            ulong id = packet.Descriptor.TransactionId;
            Bench.Must(id < network.SectionCount, $"A packet has transaction id {id}, and there are {network.SectionCount} sections.");
            Bench.Must(held.Add(id), $"Two packets that are not completed have id {id}.");
        }

        foreach (ulong id in held) network.Complete(id);
        return $"{held.Count} packets with ids {string.Join(", ", held)}";
    }

    private static string ClosesAtOddCompletions(Bench bench)
    {
        NetworkBench network = NetworkBench.Ready(bench);
        network.Complete(network.SectionCount + 5);
        _ = bench.Await<RescindChannelOffer>("A completion of nothing", rescind => rescind.ChannelId == network.Channel.Id);
        bench.MustGoOn("The rescind of the adapter");
        return "rescinded";
    }

    private static string KeepsSections(Bench bench)
    {
        NetworkBench network = NetworkBench.Ready(bench);
        var used = new HashSet<uint>();
        ReceivedPacket[] held = [.. Replies(network, 8)];
        foreach (ReceivedPacket packet in held)
        {
            (uint bytes, uint offset) = network.Range(packet);
            for (uint section = offset / network.SectionBytes; section <= (offset + bytes - 1) / network.SectionBytes; section++)
                Bench.Must(used.Add(section), $"Section {section} is used by two packets that are not completed.");
        }

        foreach (ReceivedPacket packet in held) network.Complete(packet.Descriptor.TransactionId);
        return $"{held.Length} answers in {used.Count} sections";
    }

    private static string LetsGoOfBuffers(Bench bench)
    {
        NetworkBench network = NetworkBench.Ready(bench);
        network.Tell(static message => WriteUInt32LittleEndian(message, (uint)NvspMessageType.RevokeReceiveBuffer));
        network.Tell(static message => WriteUInt32LittleEndian(message, (uint)NvspMessageType.RevokeSendBuffer));
        foreach (uint gpadl in new[] { network.ReceiveGpadl, network.SendGpadl })
        {
            ClientStatus status = bench.Client.TearDownGpadl(network.Channel.Id, gpadl);
            Bench.Must(status == ClientStatus.Ok, $"The teardown of a revoked buffer: {status}.");
        }

        network.GiveBuffers();
        return "both torn down, and given again";
    }

    private static string CountsSubchannels(Bench bench)
    {
        NetworkBench network = NetworkBench.Ready(bench);
        (RndisStatus status, byte[] capabilities) = network.Query(NdisOid.ReceiveScaleCapabilities);
        uint queues = status == RndisStatus.Success && capabilities.Length >= 16 ? ReadUInt32LittleEndian(capabilities.AsSpan(12)) : 1;
        if (queues < 2) throw new NotCoveredException($"The network adapter has {queues} queue.");
        byte[] answer = network.Ask(static message => new NvspSubchannelRequest(NvspSubchannelRequest.Allocate, 1000).Write(message), "Subchannel");
        Bench.Must(NvspSubchannelComplete.TryRead(answer, out NvspSubchannelComplete granted) && granted.Status == NvspStatus.Success, $"Subchannel was answered with {Convert.ToHexString(answer)}.");
        Bench.Must(granted.Count > 0 && granted.Count < queues, $"{granted.Count} sub-channels for {queues} queues.");
        for (uint i = 0; i < granted.Count; i++) _ = bench.Expect<OfferChannel>("Subchannel");
        bench.MustBeSilent("The offers of all sub-channels");
        byte[] second = network.Ask(static message => new NvspSubchannelRequest(NvspSubchannelRequest.Allocate, 1).Write(message), "A second Subchannel");
        Bench.Must(StatusOf(second) == NvspStatus.Failure, $"A second Subchannel was answered with {Convert.ToHexString(second)}.");
        return $"{granted.Count} of {queues} queues, offered; a second request failed";
    }

    private static string AnswersKeepAlive(Bench bench)
    {
        NetworkBench network = NetworkBench.Ready(bench);
        byte[] message = new byte[RndisControlHeader.Size];
        new RndisControlHeader(RndisMessageType.KeepAlive, RndisControlHeader.Size, 0xABCD).Write(message);
        Bench.Must(network.Control(message) == NvspStatus.Success, "KeepAlive was not taken.");
        byte[] reply = network.Reply("KeepAlive");
        bool sound = RndisControlHeader.TryRead(reply, out RndisControlHeader header) && header.Type == RndisMessageType.KeepAliveComplete && header.RequestId == 0xABCD;
        Bench.Must(sound && reply.Length >= 16 && ReadUInt32LittleEndian(reply.AsSpan(12)) == 0, $"KeepAlive was answered with {Convert.ToHexString(reply)}.");
        return "Success, request id echoed";
    }

    // Answers that are not completed yet.
    private static IEnumerable<ReceivedPacket> Replies(NetworkBench network, int count)
    {
        for (int i = 0; i < count; i++)
        {
            byte[] message = new byte[RndisControlHeader.Size];
            new RndisControlHeader(RndisMessageType.KeepAlive, RndisControlHeader.Size, (uint)i + 1).Write(message);
            Bench.Must(network.Control(message) == NvspStatus.Success, "KeepAlive was not taken.");
            yield return network.Channel.Expect("KeepAlive");
        }
    }

    // An Ethernet frame to nobody, in an RNDIS packet message.
    private static byte[] Frame(int bytes)
    {
        byte[] message = new byte[RndisPacketHeader.Size + bytes];
        new RndisPacketHeader((uint)message.Length, RndisPacketHeader.Size - RndisPacketHeader.OffsetBase, (uint)bytes, 0, 0).Write(message);
        Span<byte> frame = message.AsSpan(RndisPacketHeader.Size);
        ReadOnlySpan<byte> head = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xB5];
        head.CopyTo(frame);
        return message;
    }

    private static NvspStatus StatusOf(ReadOnlySpan<byte> answer) => answer.Length < 8 ? NvspStatus.None : (NvspStatus)ReadUInt32LittleEndian(answer[4..]);
}
