using VmBus.Conformance.Running;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Checks.Bus;

/// <summary>Memory that the guest describes. Source: protocol-spec/channel.md#gpadl.</summary>
internal static class GpadlChecks
{
    private const ulong NoPage = 0xF_FFFF_FFFF;

    // Far above what a driver describes for one channel, and below what a host may be made to keep for a connection.
    private const int TooMany = 10_000;

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("CH-21", TakesPages),
        new("CH-22", TakesManyMessages),
        new("CH-23", RefusesOtherPages),
        new("CH-24", RefusesOddRanges),
        new("CH-25", RefusesOtherChannels),
        new("CH-26", RefusesUsedIds),
        new("CH-27", TearsDownNothing),
        new("CH-28", TearsDown),
        new("CH-29", KeepsRings),
        new("CH-30", BoundsThem),
    ];

    private static string TakesPages(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench);
        ulong page = bench.TakePages(1).FirstPage;
        GpadlCreated one = Describe(bench, offer.ChannelId, 50, Gpa.PageBytes, 0, page);
        Bench.Must(one.Status == NtStatus.Success, $"One page was refused with {(uint)one.Status:x}.");
        GpadlCreated part = Describe(bench, offer.ChannelId, 51, 100, 4000, page, page);
        Bench.Must(part.Status == NtStatus.Success, $"100 bytes over two pages were refused with {(uint)part.Status:x}.");
        return "a page, and 100 bytes over the end of a page";
    }

    private static string TakesManyMessages(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench);
        ulong page = bench.TakePages(1).FirstPage;
        byte[] ranges = Range(100 * Gpa.PageBytes, 0, [.. Enumerable.Repeat(page, 100)]);
        bench.Post(new GpadlHeader(offer.ChannelId, 60, (ushort)ranges.Length, 1), ranges.AsSpan(0, 208));
        int at = 208;
        for (; at + 224 < ranges.Length; at += 224) bench.Post(new GpadlBody(0, 60), ranges.AsSpan(at, 224));
        bench.MustBeSilent("A GPADL of which something is missing");
        bench.Post(new GpadlBody(0, 60), ranges.AsSpan(at));
        GpadlCreated created = bench.Expect<GpadlCreated>("The last GPADL_BODY");
        Bench.Must(created == new GpadlCreated(offer.ChannelId, 60, NtStatus.Success), $"The answer was {created}.");
        bench.MustBeSilent("GPADL_CREATED");
        return "100 pages in five messages, one answer after the last";
    }

    private static string RefusesOtherPages(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench);
        ulong page = bench.TakePages(1).FirstPage;
        ulong end = bench.Memory.Bytes / Gpa.PageBytes;
        int id = 70;
        foreach (ulong bad in new[] { NoPage, ulong.MaxValue, bench.Memory.Bytes <= GuestMemory.LowMemoryEnd ? end : NoPage - 1 })
        {
            Refused(Describe(bench, offer.ChannelId, (uint)id++, Gpa.PageBytes, 0, bad), $"Page {bad:x}");
            Refused(Describe(bench, offer.ChannelId, (uint)id++, 2 * Gpa.PageBytes, 0, page, bad), $"Page {bad:x} as the second");
        }

        bench.MustGoOn("Pages that are not RAM");
        return "three pages beyond RAM, first or second";
    }

    private static string RefusesOddRanges(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench);
        ulong page = bench.TakePages(1).FirstPage;
        Refused(Describe(bench, offer.ChannelId, 80, 0, 0, page), "A range of no bytes");
        Refused(Describe(bench, offer.ChannelId, 81, 8, Gpa.PageBytes, page, page), "An offset of 4096");
        Refused(Describe(bench, offer.ChannelId, 82, 8, uint.MaxValue, page), "An offset of 0xFFFFFFFF");
        Refused(Describe(bench, offer.ChannelId, 83, uint.MaxValue, 0, page), "4 GiB in one page");
        byte[] range = Range(Gpa.PageBytes, 0, page);
        bench.Post(new GpadlHeader(offer.ChannelId, 84, (ushort)range.Length, 0), range);
        Refused(bench.Expect<GpadlCreated>("A GPADL without ranges"), "A GPADL without ranges");
        bench.Post(new GpadlHeader(offer.ChannelId, 85, (ushort)range.Length, 9), range);
        Refused(bench.Expect<GpadlCreated>("Nine ranges in 16 bytes"), "Nine ranges in 16 bytes");
        bench.MustGoOn("Odd ranges");
        return "no bytes, no ranges, too many ranges, offsets beyond the page, more bytes than pages";
    }

    private static string RefusesOtherChannels(Bench bench)
    {
        _ = AnyDevice.Find(bench);
        ulong page = bench.TakePages(1).FirstPage;
        foreach (uint id in NoChannels(bench)) Refused(Describe(bench, id, 90, Gpa.PageBytes, 0, page), $"Channel {id}");
        return "channels 0, 2047 and 0xFFFFFFFF";
    }

    private static string RefusesUsedIds(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench);
        ulong page = bench.TakePages(1).FirstPage;
        _ = Describe(bench, offer.ChannelId, 100, Gpa.PageBytes, 0, page);
        Refused(Describe(bench, offer.ChannelId, 100, Gpa.PageBytes, 0, page), "An id that is in use");
        return "a second GPADL 100 of one channel";
    }

    private static string TearsDownNothing(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench);
        foreach ((uint channel, uint id) in new[] { (offer.ChannelId, 1u), (0u, 0u), (2047u, 5u), (uint.MaxValue, uint.MaxValue) })
        {
            bench.Post(new GpadlTeardown(channel, id));
            GpadlTorndown torn = bench.Expect<GpadlTorndown>($"The teardown of {id:x} of channel {channel:x}");
            Bench.Must(torn.GpadlId == id, $"The teardown of {id:x} was answered for {torn.GpadlId:x}.");
        }

        return "four teardowns of nothing, four answers";
    }

    private static string TearsDown(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench);
        ulong page = bench.TakePages(1).FirstPage;
        for (int round = 0; round < 3; round++)
        {
            GpadlCreated created = Describe(bench, offer.ChannelId, 110, Gpa.PageBytes, 0, page);
            Bench.Must(created.Status == NtStatus.Success, $"Round {round}: the id was not free.");
            bench.Post(new GpadlTeardown(offer.ChannelId, 110));
            Bench.Must(bench.Expect<GpadlTorndown>("The teardown").GpadlId == 110, "The teardown was answered for another GPADL.");
        }

        // One that is not complete ends as well.
        bench.Post(new GpadlHeader(offer.ChannelId, 111, 80, 1), new byte[16]);
        bench.Post(new GpadlTeardown(offer.ChannelId, 111));
        Bench.Must(bench.Expect<GpadlTorndown>("The teardown of an incomplete GPADL").GpadlId == 111, "The teardown was answered for another GPADL.");
        return "described and torn down three times under one id";
    }

    private static string KeepsRings(Bench bench)
    {
        BenchChannel channel = bench.Open(AnyDevice.Find(bench));
        bench.Post(new GpadlTeardown(channel.Id, channel.GpadlId));
        bench.MustBeSilent("The teardown of rings in use");
        bench.Post(new CloseChannel(channel.Id));
        GpadlTorndown torn = bench.Await<GpadlTorndown>("CLOSE_CHANNEL");
        Bench.Must(torn.GpadlId == channel.GpadlId, $"The teardown was answered for {torn.GpadlId:x}.");
        return "answered after CLOSE_CHANNEL and not before";
    }

    private static string BoundsThem(Bench bench)
    {
        OfferChannel offer = AnyDevice.Find(bench);
        ulong page = bench.TakePages(1).FirstPage;
        uint taken = 0;
        while (taken < TooMany && Describe(bench, offer.ChannelId, 1000 + taken, Gpa.PageBytes, 0, page).Status == NtStatus.Success) taken++;
        Bench.Must(taken < TooMany, $"{taken} GPADLs were taken for one channel.");
        bench.Post(new GpadlTeardown(offer.ChannelId, 1000));
        _ = bench.Expect<GpadlTorndown>("The teardown");
        Bench.Must(Describe(bench, offer.ChannelId, 999, Gpa.PageBytes, 0, page).Status == NtStatus.Success, "A teardown made no room.");
        return $"{taken} taken, one more after a teardown";
    }

    /// <summary>Channels that no host offers here: impossible ids, and the last one where it is free.</summary>
    internal static IEnumerable<uint> NoChannels(Bench bench)
        => new uint[] { 0, 2047, uint.MaxValue }.Where(id => bench.Client.Offers.All(offer => offer.ChannelId != id));

    internal static GpadlCreated Describe(Bench bench, uint channelId, uint id, uint bytes, uint offset, params ulong[] pages)
    {
        byte[] range = Range(bytes, offset, pages);
        bench.Post(new GpadlHeader(channelId, id, (ushort)range.Length, 1), range);
        GpadlCreated created = bench.Expect<GpadlCreated>($"GPADL {id}");
        Bench.Must((created.ChannelId, created.GpadlId) == (channelId, id), $"GPADL {id} of channel {channelId} was answered as {created.GpadlId} of {created.ChannelId}.");
        return created;
    }

    private static byte[] Range(uint bytes, uint offset, params ulong[] pages)
    {
        byte[] range = new byte[8 + (sizeof(ulong) * pages.Length)];
        WriteUInt32LittleEndian(range, bytes);
        WriteUInt32LittleEndian(range.AsSpan(4), offset);
        for (int i = 0; i < pages.Length; i++) WriteUInt64LittleEndian(range.AsSpan(8 + (sizeof(ulong) * i)), pages[i]);
        return range;
    }

    private static void Refused(in GpadlCreated created, string what) => Bench.Must(created.Status != NtStatus.Success, $"{what} was accepted.");
}
