using VmBus.Conformance.Running;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;

namespace VmBus.Conformance.Checks.Bus;

/// <summary>Contact, versions, features, unload. Source: protocol-spec/channel.md#connection.</summary>
internal static class ContactChecks
{
    private static readonly uint[] NoVersions = [0, 0x0005_00FF, 0x0009_0000, 0xFFFF_FFFF];

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("CH-1", AnswersEveryContact),
        new("CH-2", NamesOldVersions),
        new("CH-3", NamesTheMessageConnection),
        new("CH-4", RefusesUnknownVersions),
        new("CH-5", GrantsOnlyWhatWasAsked),
        new("CH-6", RefusesOtherInterrupts),
        new("CH-7", RefusesHalfAPair),
        new("CH-8", ContactEndsWhatWas),
        new("CH-9", SilentWithoutConnection),
        new("CH-10", AnswersUnload),
        new("CH-11", OffersTheSameAgain),
    ];

    private static string AnswersEveryContact(Bench bench)
    {
        int accepted = 0;
        foreach (ProtocolVersion version in ProtocolVersion.All)
        {
            bench.PostTo(ConnectionIds.MultiClientMessage, Bench.Bytes(Contact(version)));
            byte[] answer = bench.Take() ?? throw new RuleBrokenException($"Contact with {version} was not answered.");
            Bench.Must(Bench.TypeOf(answer) == ClientBoundType.VersionResponse, $"Contact with {version} was answered by {Bench.TypeOf(answer)}.");
            Bench.Must(answer.Length >= VersionResponse.Size, $"The answer to {version} had {answer.Length} bytes.");
            accepted += answer[8];
        }

        Bench.Must(accepted > 0, "No version was accepted.");
        return $"{ProtocolVersion.All.Count} proposals, {ProtocolVersion.All.Count} answers, {accepted} accepted";
    }

    private static string NamesOldVersions(Bench bench)
    {
        var spoken = new List<ProtocolVersion>();
        foreach (ProtocolVersion version in ProtocolVersion.All.Where(static version => version < ProtocolVersion.V5_0))
        {
            VersionResponse answer = Propose(bench, Contact(version));
            if (answer.Supported == 0) continue;
            Bench.Must(answer.VersionOrConnectionId == version.Value, $"{version} was accepted with {answer.VersionOrConnectionId:x}.");
            spoken.Add(version);
        }

        if (spoken.Count == 0) throw new NotCoveredException("The host speaks no version below 5.0.");
        return $"accepted {string.Join(", ", spoken)}";
    }

    private static string NamesTheMessageConnection(Bench bench)
    {
        var spoken = new List<string>();
        foreach (ProtocolVersion version in ProtocolVersion.All.Where(static version => version >= ProtocolVersion.V5_0))
        {
            VersionResponse answer = Propose(bench, Contact(version));
            if (answer.Supported == 0) continue;
            uint connection = answer.VersionOrConnectionId;
            Bench.Must(connection is > 0 and <= ConnectionIds.Maximum, $"{version} was accepted with connection {connection:x}.");
            bench.PostTo(connection, Bench.Bytes(new RequestOffers()));
            _ = bench.Await<AllOffersDelivered>($"REQUEST_OFFERS on connection {connection}");
            spoken.Add($"{version} (connection {connection})");
        }

        if (spoken.Count == 0) throw new NotCoveredException("The host speaks no version from 5.0 on.");
        return $"accepted {string.Join(", ", spoken)}";
    }

    private static string RefusesUnknownVersions(Bench bench)
    {
        foreach (uint number in NoVersions)
        {
            VersionResponse answer = Propose(bench, Contact(new ProtocolVersion(number)));
            Bench.Must(answer.Supported == 0, $"Version {number:x} was accepted.");
        }

        return $"{NoVersions.Length} refused, then {bench.Connect()} accepted";
    }

    private static string GrantsOnlyWhatWasAsked(Bench bench)
    {
        VersionResponse old = Propose(bench, Contact(ProtocolVersion.V5_2) with { TargetInfo = Info(FeatureFlags.Served) });
        Bench.Must(old.Supported == 0 || (old.Features ?? 0) == 0, $"5.2 came with features {old.Features}.");
        foreach (FeatureFlags asked in new[] { FeatureFlags.None, FeatureFlags.PauseResume, FeatureFlags.ModifyConnection, FeatureFlags.Served })
        {
            VersionResponse answer = Propose(bench, Contact(ProtocolVersion.V6_0) with { TargetInfo = Info(asked) });
            if (answer.Supported == 0) return "below 6.0 without features; 6.0 is not spoken";
            FeatureFlags granted = answer.Features ?? throw new RuleBrokenException("6.0 was accepted without features.");
            Bench.Must((granted & ~asked) == 0, $"Asked for {asked}, granted {granted}.");
        }

        return "6.0 granted no feature that was not asked for";
    }

    private static string RefusesOtherInterrupts(Bench bench)
    {
        foreach (byte interrupt in new byte[] { 0, 1, 3, 16, 255 })
        {
            VersionResponse answer = Propose(bench, Contact(ProtocolVersion.V5_0) with { TargetInfo = interrupt });
            Bench.Must(answer.Supported == 0, $"Message interrupt {interrupt} was accepted.");
        }

        return "0, 1, 3, 16 and 255 refused";
    }

    private static string RefusesHalfAPair(Bench bench)
    {
        const ulong Page = 8 * Gpa.PageBytes;
        foreach (ProtocolVersion version in new[] { ProtocolVersion.V4_0, ProtocolVersion.V5_2 })
        {
            VersionResponse first = Propose(bench, Contact(version) with { ParentToChildMonitorPage = Page });
            VersionResponse second = Propose(bench, Contact(version) with { ChildToParentMonitorPage = Page });
            Bench.Must(first.Supported == 0 && second.Supported == 0, $"{version} was accepted with one monitor page.");
        }

        return "refused with either page alone, at 4.0 and 5.2";
    }

    private static string ContactEndsWhatWas(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench);
        BenchChannel channel = bench.Open(offer);
        _ = bench.Connect();
        bench.MustBeSilent("A second contact");
        bench.Post(new ModifyChannel(channel.Id, 0));
        IReadOnlyList<OfferChannel> again = bench.List();
        Bench.Must(!bench.Transport.Signal(channel.Client.ConnectionId), $"Channel {channel.Id} still takes signals after a second contact.");
        Bench.Must(again.Any(other => other.InterfaceInstance == offer.InterfaceInstance), "The device that was open is not offered again.");
        return $"an open channel was closed, {again.Count} offers came again";
    }

    private static string SilentWithoutConnection(Bench bench)
    {
        bench.PostTo(ConnectionIds.Message, Bench.Bytes(new RequestOffers()));
        bench.PostTo(ConnectionIds.Message, Bench.Bytes(new GpadlTeardown(1, 1)));
        bench.PostTo(ConnectionIds.Message, Bench.Bytes(new ModifyChannel(1, 0)));
        // The answer to this one is the first thing that comes.
        bench.PostTo(ConnectionIds.Message, Bench.Bytes(new Unload()));
        _ = bench.Expect<UnloadResponse>("Requests without a connection, then UNLOAD");
        return "three requests without a connection, no answer";
    }

    private static string AnswersUnload(Bench bench)
    {
        bench.PostTo(ConnectionIds.Message, Bench.Bytes(new Unload()));
        _ = bench.Expect<UnloadResponse>("UNLOAD without a connection");
        _ = bench.ConnectAndList();
        bench.Post(new Unload());
        _ = bench.Expect<UnloadResponse>("UNLOAD");
        Bench.Must(bench.Take(TimeSpan.FromMilliseconds(50)) is null, "Something came after UNLOAD_RESPONSE.");
        return "one answer without a connection, one with";
    }

    private static string OffersTheSameAgain(Bench bench)
    {
        (uint, Guid, Guid)[] before = [.. bench.ConnectAndList().Select(Key)];
        bench.Post(new Unload());
        _ = bench.Expect<UnloadResponse>("UNLOAD");
        (uint, Guid, Guid)[] after = [.. bench.ConnectAndList().Select(Key)];
        Bench.Must(before.SequenceEqual(after), $"{before.Length} offers became {after.Length}, or their ids changed.");
        return $"{after.Length} offers with the same ids";

        static (uint, Guid, Guid) Key(OfferChannel offer) => (offer.ChannelId, offer.InterfaceType, offer.InterfaceInstance);
    }

    private static InitiateContact Contact(ProtocolVersion version) => new(version, 0, version >= ProtocolVersion.V5_0 ? Info(FeatureFlags.None) : 0, 0, 0, Guid.Empty);

    private static ulong Info(FeatureFlags features) => SyntheticInterrupts.VmBus | ((ulong)features << 32);

    private static VersionResponse Propose(Bench bench, in InitiateContact contact)
    {
        bench.PostTo(contact.Version >= ProtocolVersion.V5_0 ? ConnectionIds.MultiClientMessage : ConnectionIds.Message, Bench.Bytes(contact));
        return bench.Expect<VersionResponse>($"Contact with {contact.Version}");
    }
}
