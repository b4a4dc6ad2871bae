using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Ring;

namespace VmBus.Conformance.Checks.Bus;

/// <summary>Rescinds and sub-channels. Source: protocol-spec/channel.md#channels.</summary>
internal static class RescindChecks
{
    public static IEnumerable<ConformanceCheck> All =>
    [
        new("CH-42", RescindsABrokenChannel),
        new("CH-43", AnswersWhatCrosses),
        new("CH-44", OffersAgain),
        new("CH-45", OffersSubchannels),
        new("CH-46", RescindsSubchannels),
    ];

    /// <summary>Breaks a channel's ring and waits for the rescind.</summary>
    internal static void Break(Bench bench, BenchChannel channel, string how = "A write index of 1")
    {
        channel.SetWord(outbound: true, RingControlPage.WriteIndex, 1);
        _ = channel.Client.Signal();
        _ = bench.Await<RescindChannelOffer>(how, rescind => rescind.ChannelId == channel.Id);
    }

    private static string RescindsABrokenChannel(Bench bench)
    {
        var storage = StorageBench.Open(bench);
        OfferChannel other = bench.Client.Offers.FirstOrDefault(offer => offer.ChannelId != storage.Channel.Id);
        BenchChannel? second = other.ChannelId == 0 ? null : bench.Open(other);
        Break(bench, storage.Channel);
        if (second is null) return "rescinded; there is no other channel";
        Bench.Must(second.Client.Signal(), $"Channel {second.Id} takes no signals any more.");
        bench.MustGoOn("The rescind of a broken channel");
        return $"channel {storage.Channel.Id} rescinded, channel {second.Id} goes on";
    }

    private static string AnswersWhatCrosses(Bench bench)
    {
        BenchChannel channel = bench.Open(AnyDevice.Find(bench));
        Break(bench, channel);
        OpenChannelResult result = channel.RequestOpen();
        Bench.Must(result.Status != NtStatus.Success, "A rescinded channel was opened.");
        bench.Post(new GpadlTeardown(channel.Id, channel.GpadlId));
        Bench.Must(bench.Expect<GpadlTorndown>("The teardown after a rescind").GpadlId == channel.GpadlId, "The teardown was answered for another GPADL.");
        bench.Post(new CloseChannel(channel.Id));
        bench.Post(new RelIdReleased(channel.Id));
        bench.MustGoOn("CLOSE_CHANNEL and RELID_RELEASED after a rescind");
        return "the open failed, the teardown was answered";
    }

    private static string OffersAgain(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench);
        Break(bench, bench.Open(offer));
        bench.Post(new RelIdReleased(offer.ChannelId));
        bench.MustBeSilent("RELID_RELEASED");
        bool again = bench.ConnectAndList().Any(other => other.InterfaceInstance == offer.InterfaceInstance);
        Bench.Must(again, "The device is not offered at the next connection.");
        bench.Open(bench.Client.Offers.First(other => other.InterfaceInstance == offer.InterfaceInstance)).Close();
        return "offered at the next connection, and opened";
    }

    private static string OffersSubchannels(Bench bench)
    {
        IReadOnlyList<OfferChannel> offers = Subchannels(bench, out StorageBench storage);
        OfferChannel primary = storage.Channel.Client.Offer;
        for (int i = 0; i < offers.Count; i++)
        {
            OfferChannel sub = offers[i];
            bool same = sub.InterfaceType == primary.InterfaceType && sub.InterfaceInstance == primary.InterfaceInstance;
            Bench.Must(same, $"Sub-channel {sub.ChannelId} has another type or instance than its primary.");
            Bench.Must(sub.SubchannelIndex == i + 1, $"Offer {i + 1} has sub-channel index {sub.SubchannelIndex}.");
        }

        return $"{offers.Count} sub-channels, indices 1 to {offers.Count}";
    }

    private static string RescindsSubchannels(Bench bench)
    {
        IReadOnlyList<OfferChannel> offers = Subchannels(bench, out StorageBench storage);
        BenchChannel open = bench.Open(offers[0]);
        bench.Post(new CloseChannel(storage.Channel.Id));
        foreach (OfferChannel _ in offers)
        {
            RescindChannelOffer rescind = bench.Expect<RescindChannelOffer>("CLOSE_CHANNEL of the primary");
            Bench.Must(offers.Any(offer => offer.ChannelId == rescind.ChannelId), $"Channel {rescind.ChannelId} was rescinded.");
            bench.Post(new RelIdReleased(rescind.ChannelId));
        }

        Bench.Must(!open.Client.Signal(), "A rescinded sub-channel takes signals.");
        return $"{offers.Count} sub-channels rescinded, one of them open";
    }

    /// <summary>Has the storage controller offer its sub-channels.</summary>
    internal static IReadOnlyList<OfferChannel> Subchannels(Bench bench, out StorageBench storage)
    {
        storage = StorageBench.Ready(bench);
        if (storage.Subchannels == 0) throw new NotCoveredException("The storage controller has no sub-channels.");
        int wanted = Math.Min(storage.Subchannels, 2);
        storage.CreateSubchannels(wanted);
        var offers = new List<OfferChannel>();
        for (int i = 0; i < wanted; i++) offers.Add(bench.Expect<OfferChannel>("CreateSubchannels"));
        return offers;
    }
}
