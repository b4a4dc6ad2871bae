using VmBus.Client;
using VmBus.Client.Channels;
using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;

namespace VmBus.Conformance.Checks.Bus;

/// <summary>Open, close, release, modify. Source: protocol-spec/channel.md#channels.</summary>
internal static class OpenChecks
{
    private const uint OtherProcessor = 1;

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("CH-31", AnswersOpens),
        new("CH-32", IgnoresOtherChannels),
        new("CH-33", RefusesOtherGpadls),
        new("CH-34", RefusesSmallRings),
        new("CH-35", RefusesASecondOpen),
        new("CH-36", OpensAgain),
        new("CH-37", TakesSignals),
        new("CH-38", ForgetsWhatIsReleased),
        new("CH-39", AnswersModify),
        new("CH-40", RefusesModifyOfClosed),
        new("CH-41", ModifiesSilently),
    ];

    private static string AnswersOpens(Bench bench)
    {
        BenchChannel channel = bench.Prepare(AnyDevice.Find(bench));
        OpenChannelResult result = channel.RequestOpen(static request => request with { OpenId = 0xDEAD_BEEF });
        Bench.Must(result == new OpenChannelResult(channel.Id, 0xDEAD_BEEF, NtStatus.Success), $"The answer was {result}.");
        bench.MustBeSilent("OPEN_CHANNEL_RESULT");
        return $"channel {channel.Id}, open id deadbeef, one answer";
    }

    private static string IgnoresOtherChannels(Bench bench)
    {
        BenchChannel channel = bench.Prepare(AnyDevice.Find(bench));
        foreach (uint id in GpadlChecks.NoChannels(bench))
        {
            bench.Post(VmBusClient.Request(channel.Client) with { ChannelId = id });
            bench.Post(new CloseChannel(id));
            bench.Post(new RelIdReleased(id));
        }

        bench.MustGoOn("Opens and closes of channels that were not offered");
        return "channels 0, 2047 and 0xFFFFFFFF";
    }

    private static string RefusesOtherGpadls(Bench bench)
    {
        BenchChannel channel = bench.Prepare(AnyDevice.Find(bench));
        Refused(channel.RequestOpen(static request => request with { RingGpadlId = 12345 }), "A GPADL that does not exist");
        Refused(channel.RequestOpen(static request => request with { RingGpadlId = 0 }), "GPADL 0");
        channel.Open();
        return "refused twice, then opened";
    }

    private static string RefusesSmallRings(Bench bench)
    {
        BenchChannel channel = bench.Prepare(AnyDevice.Find(bench), pagesPerRing: 2);
        foreach (uint offset in new uint[] { 0, 1, 3, 4, 5, uint.MaxValue })
            Refused(channel.RequestOpen(request => request with { DownstreamPageOffset = offset }), $"Downstream page offset {offset} of 4 pages");
        channel.Open();
        return "offsets 0, 1, 3, 4, 5 and 0xFFFFFFFF of four pages refused, 2 taken";
    }

    private static string RefusesASecondOpen(Bench bench)
    {
        var storage = StorageBench.Open(bench);
        Refused(storage.Channel.RequestOpen(), "An open of an open channel");
        Bench.Must(storage.Begin(), "The channel does not go on after a second open.");
        return "refused, and the channel goes on";
    }

    private static string OpensAgain(Bench bench)
    {
        BenchChannel channel = bench.Open(AnyDevice.Find(bench));
        for (int round = 0; round < 20; round++)
        {
            bench.Post(new CloseChannel(channel.Id));
            OpenChannelResult result = channel.RequestOpen();
            Bench.Must(result.Status == NtStatus.Success, $"Round {round}: opened again at once, refused with {(uint)result.Status:x}.");
        }

        return "closed and opened again 20 times over the same rings";
    }

    private static string TakesSignals(Bench bench)
    {
        BenchChannel channel = bench.Prepare(AnyDevice.Find(bench));
        for (int round = 0; round < 10; round++)
        {
            Bench.Must(channel.RequestOpen().Status == NtStatus.Success, "The channel did not open.");
            Bench.Must(channel.Client.Signal(), "A signal right after OPEN_CHANNEL_RESULT found nobody.");
            bench.Post(new CloseChannel(channel.Id));
            bench.Post(new GpadlTeardown(channel.Id, channel.GpadlId));
            _ = bench.Await<GpadlTorndown>("The teardown");
            Bench.Must(!channel.Client.Signal(), "A signal after the teardown of the rings was taken.");
            Bench.Must(bench.Client.PostGpadl(channel.Id, channel.GpadlId, [channel.Client.Pages]) == ClientStatus.Ok, "The host did not take a message.");
            _ = bench.Await<GpadlCreated>("Describing the rings again");
        }

        return "taken from the answer on, refused from the teardown on, ten times";
    }

    private static string ForgetsWhatIsReleased(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench);
        BenchChannel channel = bench.Prepare(offer);
        bench.Post(new RelIdReleased(offer.ChannelId));
        bench.Post(VmBusClient.Request(channel.Client));
        // An open takes its time, but the teardown of its rings would be answered after it.
        bench.Post(new CloseChannel(channel.Id));
        bench.Post(new GpadlTeardown(channel.Id, channel.GpadlId));
        _ = bench.Expect<GpadlTorndown>("OPEN_CHANNEL of a released channel, and the teardown of its rings");
        bool again = bench.ConnectAndList().Any(other => other.InterfaceInstance == offer.InterfaceInstance);
        Bench.Must(again, "The device is not offered at the next connection.");
        return "not served after RELID_RELEASED, offered at the next connection";
    }

    private static string AnswersModify(Bench bench)
    {
        BenchChannel channel = bench.Open(AnyDevice.Find(bench, ProtocolVersion.V5_3));
        foreach (uint processor in new[] { OtherProcessor, 0u })
        {
            bench.Post(new ModifyChannel(channel.Id, processor));
            ModifyChannelResponse response = bench.Expect<ModifyChannelResponse>("MODIFYCHANNEL");
            Bench.Must(response == new ModifyChannelResponse(channel.Id, NtStatus.Success), $"The answer was {response}.");
        }

        return "moved to another processor and back";
    }

    private static string RefusesModifyOfClosed(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench, ProtocolVersion.V5_3);
        bench.Post(new ModifyChannel(offer.ChannelId, 0));
        ModifyChannelResponse response = bench.Expect<ModifyChannelResponse>("MODIFYCHANNEL");
        Bench.Must(response.ChannelId == offer.ChannelId && response.Status != NtStatus.Success, $"The answer was {response}.");
        return $"status {(uint)response.Status:x}";
    }

    private static string ModifiesSilently(Bench bench)
    {
        foreach (ProtocolVersion version in new[] { ProtocolVersion.V4_1, ProtocolVersion.V5_2 })
        {
            var storage = StorageBench.Open(bench, version);
            bench.Transport.Listen(OtherProcessor, storage.Channel.Id);
            bench.Post(new ModifyChannel(storage.Channel.Id, OtherProcessor));
            bench.MustBeSilent($"MODIFYCHANNEL at {version}");
            Bench.Must(storage.Begin(), $"No interrupt came after MODIFYCHANNEL at {version}.");
        }

        return "no answer at 4.1 and 5.2, and interrupts";
    }

    private static void Refused(in OpenChannelResult result, string what) => Bench.Must(result.Status != NtStatus.Success, $"{what} was accepted.");
}
