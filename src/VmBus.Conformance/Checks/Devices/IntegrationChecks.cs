using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Checks.Devices;

/// <summary>The integration services, where the host asks. Source: protocol-spec/integration.md.</summary>
internal static class IntegrationChecks
{
    private const int PipeMode = 4;
    private const OfferFlags ServiceFlags = OfferFlags.EnumerateDeviceInterface | OfferFlags.NamedPipeMode;

    // Longer than the five and two seconds between requests of services that ask by themselves.
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(8);

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("IC-1", OffersEachOnce),
        new("IC-2", Negotiates),
        new("IC-3", WritesPipeMessages),
        new("IC-4", FitsTheBuffer),
        new("IC-5", SetsFlags),
        new("IC-6", AsksOneThing),
        new("IC-7", UsesTheVersion),
        new("IC-8", DropsOddAnswers),
        new("IC-9", NegotiatesAgain),
        new("IC-10", Beats),
        new("IC-11", SetsTheClock),
    ];

    private static string OffersEachOnce(Bench bench)
    {
        IReadOnlyList<OfferChannel> offers = bench.ConnectAndList();
        int found = 0;
        foreach (IntegrationService service in IntegrationServices.All)
        {
            OfferChannel[] mine = [.. offers.Where(offer => offer.InterfaceType == service.InterfaceType)];
            if (mine.Length == 0) continue;
            Bench.Must(mine.Length == 1, $"{service.Name} is offered {mine.Length} times.");
            Bench.Must(mine[0].Flags == ServiceFlags, $"{service.Name} has flags {mine[0].Flags}.");
            uint mode = ReadUInt32LittleEndian(mine[0].UserDefined.Span);
            Bench.Must(mode == PipeMode, $"{service.Name} has pipe mode {mode}.");
            found++;
        }

        if (found == 0) throw new NotCoveredException("The host offers no integration service.");
        return $"{found} services";
    }

    private static string Negotiates(Bench bench) => ForEach(bench, static (service, packet) =>
    {
        IntegrationHeader header = Read(service, packet);
        Bench.Must(header.Type == IntegrationMessageType.Negotiate, $"{service.Name} begins with {header.Type}.");
        ReadOnlySpan<byte> body = packet.Payload.AsSpan(IntegrationHeader.Size);
        (int frameworks, int versions) = (ReadUInt16LittleEndian(body), ReadUInt16LittleEndian(body[2..]));
        Bench.Must(frameworks > 0 && versions > 0, $"{service.Name} offers {frameworks} frameworks and {versions} versions.");
        Bench.Must(header.BodyBytes >= 8 + (4 * (frameworks + versions)), $"{service.Name}: {frameworks} and {versions} versions in {header.BodyBytes} bytes.");
    });

    private static string WritesPipeMessages(Bench bench) => ForEach(bench, static (service, packet) => _ = Read(service, packet));

    private static string FitsTheBuffer(Bench bench) => ForEach(bench, static (service, packet) =>
    {
        int limit = service.Type switch
        {
            IntegrationMessageType.KeyValueExchange => 16384,
            IntegrationMessageType.Backup or IntegrationMessageType.FileCopy => 8192,
            _ => 4096,
        };
        Bench.Must(packet.Descriptor.TotalBytes <= limit, $"A message of {service.Name} takes {packet.Descriptor.TotalBytes} bytes, and the guest's buffer has {limit}.");
    });

    private static string SetsFlags(Bench bench) => ForEach(bench, static (service, packet) =>
    {
        IntegrationHeader header = Read(service, packet);
        Bench.Must(header.Flags == (IntegrationFlags.Transaction | IntegrationFlags.Request), $"{service.Name}: flags {header.Flags}.");
        Bench.Must(header.Status == IntegrationStatus.Success, $"{service.Name}: status {header.Status} in a request.");
        Bench.Must(packet.Descriptor is { Type: PacketType.DataInband, Flags: 0 }, $"{service.Name}: packet {packet.Descriptor}.");
    });

    private static string AsksOneThing(Bench bench)
    {
        BenchChannel channel = Agreed(bench, IntegrationServices.Heartbeat, out _);
        _ = channel.Expect("The agreement", Period);
        Bench.Must(channel.Take(TimeSpan.FromSeconds(3)) is null, "A second request came before the answer to the first.");
        return "no second heartbeat for 3 s while the first is not answered";
    }

    private static string UsesTheVersion(Bench bench)
    {
        BenchChannel channel = Agreed(bench, IntegrationServices.Heartbeat, out IntegrationVersion version);
        IntegrationHeader header = Read(IntegrationServices.Heartbeat, channel.Expect("The agreement", Period));
        Bench.Must(header.Version == version, $"The guest chose {version}, the request has {header.Version}.");
        return $"heartbeats in {version}";
    }

    private static string DropsOddAnswers(Bench bench)
    {
        BenchChannel channel = Open(bench, IntegrationServices.Heartbeat);
        ReceivedPacket first = channel.Expect("OPEN_CHANNEL");
        byte[] odd = [.. first.Payload];
        // Too short, empty, another type, another transaction, noise; none under the number of the request's packet.
        channel.Send(odd.AsSpan(0, 16), 1001, flags: 0);
        channel.Send([], 1002, flags: 0);
        odd[12] = 99;
        channel.Send(odd, 1003, flags: 0);
        odd[12] = first.Payload[12];
        odd[24] ^= 0x55;
        channel.Send(odd, 1004, flags: 0);
        channel.Send(new byte[200], 1005, flags: 0);
        Answer(channel, IntegrationServices.Heartbeat, first);
        IntegrationHeader beat = Read(IntegrationServices.Heartbeat, channel.Expect("Odd answers, then a good one", Period));
        Bench.Must(beat.Type == IntegrationMessageType.Heartbeat, $"{beat.Type} came where a heartbeat was due.");
        return "five odd packets, then the agreement";
    }

    private static string NegotiatesAgain(Bench bench)
    {
        BenchChannel channel = Agreed(bench, IntegrationServices.Heartbeat, out _);
        for (int round = 0; round < 3; round++)
        {
            bench.Post(new CloseChannel(channel.Id));
            // As Linux does, the rings go back first.
            bench.Post(new GpadlTeardown(channel.Id, channel.GpadlId));
            _ = bench.Await<GpadlTorndown>("The teardown");
            channel = bench.Open(channel.Client.Offer);
            IntegrationHeader header = Read(IntegrationServices.Heartbeat, channel.Expect("OPEN_CHANNEL"));
            Bench.Must(header.Type == IntegrationMessageType.Negotiate, $"The channel that was opened again begins with {header.Type}.");
        }

        return "three times";
    }

    private static string Beats(Bench bench)
    {
        BenchChannel channel = Agreed(bench, IntegrationServices.Heartbeat, out _);
        for (int beat = 0; beat < 3; beat++)
        {
            ReceivedPacket packet = channel.Expect($"Heartbeat {beat}", Period);
            Bench.Must(Read(IntegrationServices.Heartbeat, packet).Type == IntegrationMessageType.Heartbeat, "Something else than a heartbeat came.");
            Answer(channel, IntegrationServices.Heartbeat, packet);
        }

        return "three beats, each after the answer to the one before";
    }

    private static string SetsTheClock(Bench bench)
    {
        const int KindOffset = 16;
        BenchChannel channel = Agreed(bench, IntegrationServices.TimeSync, out IntegrationVersion version);
        ReceivedPacket packet = channel.Expect("The agreement", Period);
        Bench.Must(Read(IntegrationServices.TimeSync, packet).Type == IntegrationMessageType.TimeSync, "Something else than the time came.");
        byte kind = packet.Payload[IntegrationHeader.Size + (version.IsAtLeast(4, 0) ? KindOffset : 24)];
        Bench.Must(kind == 1, $"The first time message has kind {kind}.");
        return $"a sync in {version}";
    }

    private static BenchChannel Open(Bench bench, IntegrationService service)
    {
        _ = bench.ConnectAndList();
        return bench.Open(bench.Find(service.InterfaceType, $"service {service.Name}"));
    }

    private static BenchChannel Agreed(Bench bench, IntegrationService service, out IntegrationVersion version)
    {
        BenchChannel channel = Open(bench, service);
        version = Answer(channel, service, channel.Expect("OPEN_CHANNEL")) ?? throw new NotCoveredException($"The host speaks no version of {service.Name} that the check knows.");
        return channel;
    }

    // Answers as Linux does: the request where it lies.
    private static IntegrationVersion? Answer(BenchChannel channel, IntegrationService service, ReceivedPacket request)
    {
        IntegrationHeader header = Read(service, request);
        byte[] answer = request.Payload[..(IntegrationHeader.Size + header.BodyBytes)];
        IntegrationVersion? version = null;
        if (header.Type == IntegrationMessageType.Negotiate) _ = VersionNegotiation.TryAnswer(answer.AsSpan(IntegrationHeader.Size), service, out _, out version);
        (header with { Flags = IntegrationFlags.Transaction | IntegrationFlags.Response }).Write(answer);
        channel.Send(answer, request.Descriptor.TransactionId, flags: 0);
        return version;
    }

    // The first message of every service that the host has.
    private static string ForEach(Bench bench, Action<IntegrationService, ReceivedPacket> check)
    {
        IReadOnlyList<OfferChannel> offers = bench.ConnectAndList();
        int found = 0;
        foreach (IntegrationService service in IntegrationServices.All)
        {
            OfferChannel offer = offers.FirstOrDefault(offer => offer.InterfaceType == service.InterfaceType);
            if (offer.ChannelId == 0) continue;
            check(service, bench.Open(offer).Expect($"The open of {service.Name}"));
            found++;
        }

        if (found == 0) throw new NotCoveredException("The host offers no integration service.");
        return $"{found} services";
    }

    private static IntegrationHeader Read(IntegrationService service, ReceivedPacket packet)
    {
        bool sound = IntegrationHeader.TryRead(packet.Payload, out IntegrationHeader header);
        Bench.Must(sound, $"A packet of {service.Name} holds no pipe message: {Convert.ToHexString(packet.Payload.AsSpan(0, Math.Min(packet.Payload.Length, 32)))}.");
        return header;
    }
}
