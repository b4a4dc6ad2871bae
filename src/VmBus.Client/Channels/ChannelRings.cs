using System.Runtime.InteropServices;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;

namespace VmBus.Client.Channels;

/// <summary>
/// The guest's ends of both rings of a channel over pages of its RAM. Outbound is guest to host, inbound host to guest, as guests call them.
/// </summary>
/// <remarks>One thread at a time. Source: protocol-spec/ring.md#geometry.</remarks>
public sealed class ChannelRings : IDisposable
{
    /// <summary>
    /// The longest packet of a host that is taken, without its trailer: room for the most ranges that the longest known driver (netvsc) takes.
    /// </summary>
    public const int UsualMaximumPacketBytes = 64 * 1024;

    private readonly int _maximumPacketBytes;

    private ChannelRings(RingMapping outbound, RingMapping inbound, int maximumPacketBytes)
    {
        (Outbound, Inbound, _maximumPacketBytes) = (outbound, inbound, maximumPacketBytes);
        (Writer, Reader) = (new RingWriter(outbound), new RingReader(inbound, maximumPacketBytes));
    }

    /// <summary>The guest to host ring.</summary>
    public RingMapping Outbound { get; }

    /// <summary>The host to guest ring.</summary>
    public RingMapping Inbound { get; }

    /// <summary>The producing end.</summary>
    public RingWriter Writer { get; private set; }

    /// <summary>The consuming end.</summary>
    public RingReader Reader { get; private set; }

    /// <summary>Maps and initialises two rings. The host does not know them yet, or does not look at them before the channel is opened.</summary>
    /// <param name="memory">The RAM.</param>
    /// <param name="pages">All pages of the channel's ring GPADL in order.</param>
    /// <param name="outboundPages">How many of them belong to the outbound ring (the downstream page offset of the open message).</param>
    /// <param name="maximumPacketBytes">Largest packet that is accepted.</param>
    /// <param name="rings">The rings.</param>
    /// <returns>False when pages are missing, not RAM, or too scattered.</returns>
    public static bool TryCreate(
        GuestMemory memory, IReadOnlyList<PageRun> pages, int outboundPages, int maximumPacketBytes, out ChannelRings? rings)
    {
        rings = null;
        (IReadOnlyList<PageRun> first, IReadOnlyList<PageRun> second) = Split(pages, outboundPages);
        if (!RingMapping.TryMap(memory, first, out RingMapping? outbound)) return false;
        if (!RingMapping.TryMap(memory, second, out RingMapping? inbound))
        {
            outbound!.Dispose();
            return false;
        }

        rings = new ChannelRings(outbound!, inbound!, maximumPacketBytes);
        rings.Restart();
        return true;
    }

    /// <summary>Maps two rings of one length, the outbound one first, that a kernel has initialised and the host may have written to already.</summary>
    /// <param name="file">What holds them, from its start on.</param>
    /// <param name="pagesPerRing">Pages of each with its control page.</param>
    /// <param name="maximumPacketBytes">Largest packet that is accepted.</param>
    /// <param name="rings">The rings.</param>
    /// <returns>False when the file does not hold them.</returns>
    public static bool TryJoin(SafeHandle file, int pagesPerRing, int maximumPacketBytes, out ChannelRings? rings)
    {
        rings = null;
        if (!RingMapping.TryMap(file, 0, pagesPerRing, out RingMapping? outbound)) return false;
        if (!RingMapping.TryMap(file, (long)pagesPerRing * RingControlPage.Size, pagesPerRing, out RingMapping? inbound))
        {
            outbound!.Dispose();
            return false;
        }

        rings = new ChannelRings(outbound!, inbound!, Math.Min(maximumPacketBytes, inbound!.DataBytes));
        return true;
    }

    /// <summary>Divides the pages of a channel's GPADL between its rings.</summary>
    public static (IReadOnlyList<PageRun> Outbound, IReadOnlyList<PageRun> Inbound) Split(IReadOnlyList<PageRun> pages, int outboundPages)
    {
        List<PageRun> first = [], second = [];
        foreach (PageRun run in pages)
        {
            int taken = Math.Min(run.PageCount, outboundPages);
            if (taken > 0) first.Add(run with { PageCount = taken });
            if (taken < run.PageCount) second.Add(new PageRun(run.FirstPage + (ulong)taken, run.PageCount - taken));
            outboundPages -= taken;
        }

        return (first, second);
    }

    /// <summary>Empties both rings, before the channel is opened again over the same pages.</summary>
    public void Restart()
    {
        Outbound.Initialize();
        Inbound.Initialize();
        Writer = new RingWriter(Outbound);
        Reader = new RingReader(Inbound, _maximumPacketBytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Outbound.Dispose();
        Inbound.Dispose();
    }
}
