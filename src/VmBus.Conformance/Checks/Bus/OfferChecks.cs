using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Checks.Bus;

/// <summary>Offers, and messages that make no sense. Source: protocol-spec/channel.md.</summary>
internal static class OfferChecks
{
    private const int DedicatedInterruptOffset = 190;

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("CH-12", ListsInOrder),
        new("CH-13", ListsOnce),
        new("CH-14", NamesChannels),
        new("CH-15", NamesConnections),
        new("CH-16", IgnoresUnknownNumbers),
        new("CH-17", IgnoresItsOwnMessages),
        new("CH-18", IgnoresShortMessages),
        new("CH-19", TakesLongMessages),
        new("CH-20", IgnoresLaterMessages),
    ];

    private static string ListsInOrder(Bench bench)
    {
        List<OfferChannel> offers = [.. RawOffers(bench).Select(static offer => offer.Offer)];
        uint[] ids = [.. offers.Select(static offer => offer.ChannelId)];
        Bench.Must(ids.SequenceEqual(ids.Order()), $"The offers came in the order {string.Join(", ", ids)}.");
        bench.MustBeSilent("ALL_OFFERS_DELIVERED");
        return $"{ids.Length} offers, then ALL_OFFERS_DELIVERED";
    }

    private static string ListsOnce(Bench bench)
    {
        _ = bench.ConnectAndList();
        bench.Post(new RequestOffers());
        bench.MustBeSilent("A second REQUEST_OFFERS");
        return "a second request was not answered";
    }

    private static string NamesChannels(Bench bench)
    {
        List<OfferChannel> offers = [.. RawOffers(bench).Select(static offer => offer.Offer)];
        foreach (OfferChannel offer in offers)
            Bench.Must(offer.ChannelId is > 0 and < SyntheticInterrupts.EventFlagCount, $"A channel has id {offer.ChannelId}.");
        Bench.Must(offers.DistinctBy(static offer => offer.ChannelId).Count() == offers.Count, "Two offers have the same channel id.");
        Bench.Must(offers.DistinctBy(static offer => offer.InterfaceInstance).Count() == offers.Count, "Two primary offers have the same instance.");
        return $"{offers.Count} offers with channel ids {offers.Min(static offer => offer.ChannelId)} to {offers.Max(static offer => offer.ChannelId)}";
    }

    private static string NamesConnections(Bench bench)
    {
        List<(OfferChannel Offer, byte[] Message)> offers = RawOffers(bench);
        foreach ((OfferChannel offer, byte[] message) in offers)
        {
            Bench.Must(ConnectionIds.IsAssignable(offer.ConnectionId), $"Channel {offer.ChannelId} has connection {offer.ConnectionId:x}.");
            ushort dedicated = ReadUInt16LittleEndian(message.AsSpan(DedicatedInterruptOffset));
            Bench.Must(dedicated == 1, $"Channel {offer.ChannelId} has {dedicated} as dedicated interrupt.");
        }

        Bench.Must(offers.DistinctBy(static pair => pair.Offer.ConnectionId).Count() == offers.Count, "Two offers have the same connection.");
        return $"{offers.Count} connections, all different";
    }

    private static string IgnoresUnknownNumbers(Bench bench)
    {
        _ = bench.Connect();
        uint[] numbers = [0, 30, 31, 1000, 0x8000_0001, uint.MaxValue];
        foreach (uint number in numbers) bench.PostBytes(Message(number, SyntheticInterrupts.MaximumMessageBytes));
        bench.MustGoOn("Messages of unknown numbers");
        return $"{numbers.Length} unknown numbers ignored";
    }

    private static string IgnoresItsOwnMessages(Bench bench)
    {
        _ = bench.Connect();
        MessageRow[] rows = [.. MessageTable.Rows.Where(static row => row.Direction == MessageDirection.ClientBound)];
        foreach (MessageRow row in rows) bench.PostBytes(Message(row.Number, SyntheticInterrupts.MaximumMessageBytes));
        bench.MustGoOn("Client-bound messages");
        return $"{rows.Length} client-bound messages ignored";
    }

    private static string IgnoresShortMessages(Bench bench)
    {
        _ = bench.Connect();
        int posted = 0;
        foreach (MessageRow row in MessageTable.Rows.Where(static row => row.Direction == MessageDirection.ServerBound && !row.Variant))
        {
            // UNLOAD and the other messages without a body are whole with 8 bytes: shorter is no message at all.
            foreach (int length in new[] { 0, 4, 7, row.Size - 4, row.Size - 1 }.Distinct().Where(length => length >= 0 && length < row.Size))
            {
                bench.PostBytes(Message(row.Number, Math.Max(length, 4)).AsSpan(0, length));
                posted++;
            }
        }

        bench.MustGoOn("Short messages");
        return $"{posted} short messages ignored";
    }

    private static string TakesLongMessages(Bench bench)
    {
        _ = bench.Connect();
        byte[] message = Message((uint)ServerBoundType.RequestOffers, SyntheticInterrupts.MaximumMessageBytes);
        message.AsSpan(RequestOffers.Size).Fill(0xA5);
        bench.PostBytes(message);
        _ = bench.Await<AllOffersDelivered>("REQUEST_OFFERS of 240 bytes");
        byte[] teardown = new byte[SyntheticInterrupts.MaximumMessageBytes];
        Bench.Bytes(new GpadlTeardown(0, 77)).CopyTo(teardown, 0);
        bench.PostBytes(teardown);
        Bench.Must(bench.Expect<GpadlTorndown>("GPADL_TEARDOWN of 240 bytes").GpadlId == 77, "The teardown of 240 bytes was answered for another GPADL.");
        return "REQUEST_OFFERS and GPADL_TEARDOWN of 240 bytes taken";
    }

    private static string IgnoresLaterMessages(Bench bench)
    {
        _ = AnyDevice.Find(bench, ProtocolVersion.V4_0);
        // Both would be answered by a later version.
        bench.Post(new ModifyChannel(1, 0));
        bench.Post(default(Pause));
        bench.Post(new ModifyConnection(0, 0));
        bench.MustGoOn("Messages of 4.1 and 6.0 at 4.0");
        return "MODIFYCHANNEL, PAUSE and MODIFY_CONNECTION ignored at 4.0";
    }

    private static List<(OfferChannel Offer, byte[] Message)> RawOffers(Bench bench)
    {
        _ = bench.Connect();
        bench.Post(new RequestOffers());
        var offers = new List<(OfferChannel, byte[])>();
        while (bench.Take() is { } message)
        {
            if (Bench.TypeOf(message) == ClientBoundType.AllOffersDelivered)
                return offers.Count > 0 ? offers : throw new NotCoveredException("The host offers no device.");
            Bench.Must(OfferChannel.TryRead(message, out OfferChannel offer) && Bench.TypeOf(message) == ClientBoundType.OfferChannel, $"{Bench.TypeOf(message)} came among the offers.");
            offers.Add((offer, message));
        }

        throw new RuleBrokenException("REQUEST_OFFERS was not answered with ALL_OFFERS_DELIVERED.");
    }

    private static byte[] Message(uint number, int bytes)
    {
        byte[] message = new byte[bytes];
        WriteUInt32LittleEndian(message, number);
        return message;
    }
}
