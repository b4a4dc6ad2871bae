using VmBus.Conformance.Running;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.DynamicMemory;
using VmBus.Protocol.Network;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Checks.Devices;

/// <summary>Rules that show when an operator of the host does something. Source: protocol-spec/dynamic-memory.md#rules, protocol-spec/network.md#rules.</summary>
internal static class OperatorChecks
{
    private const string NeedsAnOperator = "Only an operator of the host can cause it, and the suite was given none.";
    private const long Mebibyte = 1 << 20;
    private const uint Wanted = 0xD;
    private const int FrameBytes = 64;
    private const int MarkOffset = 14;

    // Where no guest of today has memory: pages have 40 bits.
    private const ulong NoPage = 0xFF_FFFF_0000;

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("DM-7", AsksOneThing),
        new("DM-8", GivesBackWhatItHas),
        new("DM-11", ClosesAtBadPages),
        new("NW-21", HeedsTheFilter),
    ];

    private static string AsksOneThing(Bench bench)
    {
        BenchChannel channel = Agreed(bench);
        Want(bench, MemoryBytes(bench) - (8 * Mebibyte));
        uint asked = Asked(channel, "A wish for less memory");
        Want(bench, MemoryBytes(bench) - (16 * Mebibyte));
        Bench.Must(channel.Take(TimeSpan.FromMilliseconds(200)) is null, "A second request came before the answer to the first.");
        var given = new List<PageRun> { Give(bench, channel, asked) };
        uint more = Asked(channel, "The answer to the first request");
        given.Add(Give(bench, channel, more));
        Want(bench, MemoryBytes(bench));
        TakeBack(channel, given);
        return $"{asked} pages asked for, then {more} after the answer, though both were wished for at once";
    }

    private static string GivesBackWhatItHas(Bench bench)
    {
        BenchChannel channel = Agreed(bench);
        Want(bench, MemoryBytes(bench) - (4 * Mebibyte));
        uint asked = Asked(channel, "A wish for less memory");
        // Not one after the other, so that ranges which the host joins are seen.
        PageRun first = bench.TakePages((int)asked / 4), hole = bench.TakePages(3), second = bench.TakePages((int)(asked - (asked / 4)));
        Respond(channel, more: true, first);
        Respond(channel, more: false, second);
        Want(bench, MemoryBytes(bench));
        int messages = TakeBack(channel, [first, second]);
        return $"{asked} pages of two pieces came back in {messages} requests, those of {hole.PageCount} between them did not";
    }

    private static string ClosesAtBadPages(Bench bench)
    {
        foreach ((string name, Func<Bench, BenchChannel, uint, PageRange[]> pages) in new (string, Func<Bench, BenchChannel, uint, PageRange[]>)[]
        {
            ("a page that is not RAM", static (_, _, _) => [new PageRange(NoPage, 1)]),
            ("a page that is in the balloon already", static (bench, channel, _) =>
            {
                PageRun page = bench.TakePages(1);
                Respond(channel, more: true, page);
                return [Range(page)];
            }),
            ("a page more than was asked for", static (bench, _, asked) => [Range(bench.TakePages((int)asked + 1))]),
        })
        {
            BenchChannel channel = Agreed(bench);
            Want(bench, MemoryBytes(bench) - Mebibyte);
            uint asked = Asked(channel, "A wish for less memory");
            Respond(channel, more: false, pages(bench, channel, asked));
            _ = bench.Await<RescindChannelOffer>($"With {name}", rescind => rescind.ChannelId == channel.Id);
            bench.MustGoOn($"The rescind with {name}");
        }

        return "a page that is not RAM, one that is in the balloon, one more than was asked for";
    }

    private static string HeedsTheFilter(Bench bench)
    {
        if (bench.Operator is not { CanDeliver: true }) throw new NotCoveredException(NeedsAnOperator);
        NetworkBench network = NetworkBench.Ready(bench);
        // Frames come in the order that they were sent in: the first one that is seen says that none before it was.
        Deliver(bench, 1);
        network.SetFilter(Wanted);
        Deliver(bench, 2);
        Mark(network, 2, "before the packet filter was set");
        network.SetFilter(0);
        Deliver(bench, 3);
        network.SetFilter(Wanted);
        Deliver(bench, 4);
        Mark(network, 4, "after the packet filter was 0");
        return "the frames before it and after it did not come, those between did";
    }

    private static void Deliver(Bench bench, byte mark)
    {
        byte[] frame = new byte[FrameBytes];
        frame.AsSpan(0, 6).Fill(0xFF);
        ReadOnlySpan<byte> rest = [2, 0, 0, 0, 0, 9, 0x88, 0xB5, mark];
        rest.CopyTo(frame.AsSpan(6));
        Bench.Must(bench.WaitUntil(() => bench.Operator!.TryDeliver(frame)), "The host has nowhere to put a frame.");
    }

    private static void Mark(NetworkBench network, byte expected, string when)
    {
        byte[] message = network.Reply($"Frame {expected}");
        // Where the link has changed meanwhile, that is told first.
        if (RndisControlHeader.TryRead(message, out RndisControlHeader header) && header.Type == RndisMessageType.Indicate) message = network.Reply($"Frame {expected}");
        bool sound = RndisPacketHeader.TryRead(message, message.Length, out RndisPacketHeader packet) && packet.DataBytes >= FrameBytes;
        Bench.Must(sound, $"Something else than a frame came: {Convert.ToHexString(message)}.");
        byte mark = message[RndisPacketHeader.OffsetBase + (int)packet.DataOffset + MarkOffset];
        Bench.Must(mark == expected, $"Frame {mark} came, which was sent {when}.");
    }

    private static BenchChannel Agreed(Bench bench)
    {
        if (bench.Operator is not { CanSetMemory: true }) throw new NotCoveredException(NeedsAnOperator);
        BenchChannel channel = MemoryChecks.Open(bench);
        MemoryChecks.Agree(channel);
        return channel;
    }

    private static long MemoryBytes(Bench bench) => (long)bench.Memory.Bytes;

    // The host may be a moment behind its own answer.
    private static void Want(Bench bench, long bytes)
        => Bench.Must(bench.WaitUntil(() => bench.Operator!.TrySetMemory(bytes)), "The host does not see that the guest's driver is there.");

    private static uint Asked(BenchChannel channel, string after)
    {
        byte[] request = MemoryChecks.Expect(channel, DynamicMemoryMessageType.BalloonRequest, after);
        Bench.Must(request.Length == DynamicMemoryMessages.WordSize, $"A balloon request has {request.Length} bytes.");
        uint pages = ReadUInt32LittleEndian(request.AsSpan(DynamicMemoryHeader.Size));
        Bench.Must(pages is > 0 and <= 1 << 20, $"A balloon request asks for {pages} pages.");
        return pages;
    }

    private static PageRun Give(Bench bench, BenchChannel channel, uint pages)
    {
        PageRun run = bench.TakePages((int)pages);
        Respond(channel, more: false, run);
        return run;
    }

    private static void Respond(BenchChannel channel, bool more, PageRun pages) => Respond(channel, more, Range(pages));

    private static void Respond(BenchChannel channel, bool more, params PageRange[] ranges)
    {
        byte[] response = MemoryChecks.Message(DynamicMemoryMessageType.BalloonResponse, DynamicMemoryMessages.RangesOffset + (ranges.Length * PageRange.Size));
        WriteUInt32LittleEndian(response.AsSpan(12), ((uint)ranges.Length << 1) | (more ? 1u : 0));
        for (int i = 0; i < ranges.Length; i++) ranges[i].Write(response.AsSpan(DynamicMemoryMessages.RangesOffset + (i * PageRange.Size)));
        channel.Send(response, 0, flags: 0);
    }

    // Takes unballoon requests until all pages are back, and answers each.
    private static int TakeBack(BenchChannel channel, IReadOnlyList<PageRun> given)
    {
        HashSet<ulong> missing = [.. given.SelectMany(static run => Enumerable.Range(0, run.PageCount).Select(i => run.FirstPage + (ulong)i))];
        int messages = 0;
        while (missing.Count > 0)
        {
            byte[] request = MemoryChecks.Expect(channel, DynamicMemoryMessageType.UnballoonRequest, $"A wish for all memory, {missing.Count} pages being in the balloon");
            messages++;
            uint count = request.Length >= DynamicMemoryMessages.RangesOffset ? ReadUInt32LittleEndian(request.AsSpan(12)) : 0;
            Bench.Must(count > 0 && request.Length >= DynamicMemoryMessages.RangesOffset + ((long)count * PageRange.Size), $"An unballoon request of {request.Length} bytes names {count} ranges.");
            for (int i = 0; i < count; i++)
            {
                PageRange range = PageRange.Read(request.AsSpan(DynamicMemoryMessages.RangesOffset + (i * PageRange.Size)));
                for (ulong page = range.FirstPage; page < range.FirstPage + range.PageCount; page++)
                    Bench.Must(missing.Remove(page), $"An unballoon request names page {page:x}, which is not in the balloon.");
            }

            bool isLast = (ReadUInt32LittleEndian(request.AsSpan(8)) & 1) == 0;
            if (isLast) channel.Send(MemoryChecks.Message(DynamicMemoryMessageType.UnballoonResponse, DynamicMemoryHeader.Size), 0, flags: 0);
        }

        return messages;
    }

    private static PageRange Range(PageRun run) => new(run.FirstPage, (uint)run.PageCount);
}
