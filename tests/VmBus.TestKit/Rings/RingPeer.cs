using VmBus.Client.Channels;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;

namespace VmBus.TestKit.Rings;

/// <summary>
/// The guest's side of one channel: both rings in guest RAM, initialised as a guest does, with the guest's writer and reader over the same
/// pages that the host's ends map.
/// </summary>
/// <remarks>
/// Outbound is guest to host, inbound host to guest, as the guest calls them. The host maps <see cref="OutboundPages"/> with a
/// <see cref="RingReader"/> and <see cref="InboundPages"/> with a <see cref="RingWriter"/>. One thread at a time.
/// </remarks>
public sealed class RingPeer : IDisposable
{
    private readonly GuestMemory? _ownMemory;
    private readonly ChannelRings _rings;

    /// <summary>Initialises two rings in pages of existing guest RAM, outbound first, and opens the guest's ends.</summary>
    /// <param name="memory">The RAM.</param>
    /// <param name="pages">All pages of the channel's ring GPADL in order.</param>
    /// <param name="outboundPageCount">How many of them belong to the outbound ring (the downstream page offset of the open message).</param>
    /// <param name="maximumPacketBytes">Largest packet that the guest accepts.</param>
    public RingPeer(GuestMemory memory, IReadOnlyList<PageRun> pages, int outboundPageCount, int maximumPacketBytes = 65536)
        : this(memory, pages, outboundPageCount, Create(memory, pages, outboundPageCount, maximumPacketBytes))
    {
    }

    /// <summary>Takes over rings that a client has made.</summary>
    public RingPeer(GuestMemory memory, IReadOnlyList<PageRun> pages, int outboundPageCount, ChannelRings rings)
    {
        Memory = memory;
        OutboundPageCount = outboundPageCount;
        Pages = pages;
        (OutboundPages, InboundPages) = ChannelRings.Split(pages, outboundPageCount);
        _rings = rings;
    }

    private RingPeer(GuestMemory memory, PageRun pages, int outboundPageCount)
        : this(memory, [pages], outboundPageCount) => _ownMemory = memory;

    /// <summary>The guest's RAM.</summary>
    public GuestMemory Memory { get; }

    /// <summary>All pages of the ring GPADL, outbound ring first.</summary>
    public IReadOnlyList<PageRun> Pages { get; }

    /// <summary>Pages of the outbound ring: the downstream page offset of the open message.</summary>
    public int OutboundPageCount { get; }

    /// <summary>Pages of the guest to host ring.</summary>
    public IReadOnlyList<PageRun> OutboundPages { get; }

    /// <summary>Pages of the host to guest ring.</summary>
    public IReadOnlyList<PageRun> InboundPages { get; }

    /// <summary>The guest's mapping of the guest to host ring.</summary>
    public RingMapping Outbound => _rings.Outbound;

    /// <summary>The guest's mapping of the host to guest ring.</summary>
    public RingMapping Inbound => _rings.Inbound;

    /// <summary>The guest's producing end.</summary>
    public RingWriter Writer => _rings.Writer;

    /// <summary>The guest's consuming end.</summary>
    public RingReader Reader => _rings.Reader;

    /// <summary>Creates RAM of its own that holds two rings of <paramref name="pagesPerRing"/> pages each from page 16 on.</summary>
    public static RingPeer Create(int pagesPerRing = 5) => Create(pagesPerRing, pagesPerRing);

    /// <summary>Creates RAM of its own that holds two rings from page 16 on, and 1 MiB behind them for other use.</summary>
    public static RingPeer Create(int outboundPages, int inboundPages)
    {
        const int FirstPage = 16;
        int pages = outboundPages + inboundPages;
        var memory = GuestMemory.Create((ulong)(FirstPage + pages + 256) * Gpa.PageBytes);
        return new RingPeer(memory, new PageRun(FirstPage, pages), outboundPages);
    }

    /// <summary>Sends one packet to the host and publishes it.</summary>
    /// <returns>True when the host must be signalled.</returns>
    /// <exception cref="InvalidOperationException">The ring is full or corrupt.</exception>
    public bool Send(
        PacketType type,
        ReadOnlySpan<byte> header,
        ReadOnlySpan<byte> payload,
        ulong transactionId,
        ushort flags = PacketDescriptor.CompletionRequested)
    {
        RingStatus status = Writer.TryWrite(type, header, payload, transactionId, flags);
        if (status != RingStatus.Ok) throw new InvalidOperationException($"The guest cannot send: the ring is {status}.");
        return Writer.Commit();
    }

    /// <summary>Sends one in-band packet to the host and publishes it.</summary>
    /// <returns>True when the host must be signalled.</returns>
    public bool Send(ReadOnlySpan<byte> payload, ulong transactionId = 1, ushort flags = PacketDescriptor.CompletionRequested)
        => Send(PacketType.DataInband, [], payload, transactionId, flags);

    /// <summary>Takes the next packet from the host and gives its space back.</summary>
    /// <returns>The packet, or null when there is none.</returns>
    /// <exception cref="InvalidOperationException">The host wrote something that a guest cannot read.</exception>
    public ReceivedPacket? Receive() => Receive(out _);

    /// <summary>Takes the next packet from the host and gives its space back.</summary>
    /// <param name="signal">True when the host waits for space and must be signalled.</param>
    /// <returns>The packet, or null when there is none.</returns>
    public ReceivedPacket? Receive(out bool signal)
    {
        signal = false;
        RingStatus status = Reader.TryRead(out RingPacket packet);
        if (status == RingStatus.Empty) return null;
        if (status != RingStatus.Ok) throw new InvalidOperationException($"The guest cannot receive: the ring is {status}.");
        ReceivedPacket copy = ReceivedPacket.From(packet);
        signal = Reader.Commit();
        return copy;
    }

    /// <summary>Takes everything that the host has sent so far.</summary>
    public IReadOnlyList<ReceivedPacket> ReceiveAll()
    {
        var packets = new List<ReceivedPacket>();
        while (Receive() is { } packet) packets.Add(packet);
        return packets;
    }

    /// <summary>Overwrites a control word of the guest to host ring (offsets: <see cref="RingControlPage"/>), as a hostile guest does.</summary>
    public void PokeOutbound(int controlOffset, uint value) => Outbound.Store(controlOffset, value);

    /// <summary>Overwrites a control word of the host to guest ring (offsets: <see cref="RingControlPage"/>), as a hostile guest does.</summary>
    public void PokeInbound(int controlOffset, uint value) => Inbound.Store(controlOffset, value);

    /// <summary>Overwrites bytes of the guest to host data area, which wraps, as a hostile guest does.</summary>
    public void PokeOutboundData(int index, ReadOnlySpan<byte> bytes) => bytes.CopyTo(Outbound.Data((uint)index, bytes.Length));

    /// <summary>Reads bytes of the host to guest data area, which wraps, exactly as they lie there.</summary>
    public byte[] PeekInboundData(int index, int bytes)
    {
        var copy = new byte[bytes];
        Inbound.CopyOut((uint)index, copy);
        return copy;
    }

    /// <summary>Maps the host's consuming end; the caller disposes the mapping.</summary>
    public RingMapping MapOutboundForHost() => Map(Memory, OutboundPages);

    /// <summary>Maps the host's producing end; the caller disposes the mapping.</summary>
    public RingMapping MapInboundForHost() => Map(Memory, InboundPages);

    /// <inheritdoc/>
    public void Dispose()
    {
        _rings.Dispose();
        _ownMemory?.Dispose();
    }

    private static RingMapping Map(GuestMemory memory, IReadOnlyList<PageRun> pages)
        => RingMapping.TryMap(memory, pages, out RingMapping? mapping)
            ? mapping!
            : throw new InvalidOperationException("The ring's pages cannot be mapped.");

    private static ChannelRings Create(GuestMemory memory, IReadOnlyList<PageRun> pages, int outboundPages, int maximumPacketBytes)
        => ChannelRings.TryCreate(memory, pages, outboundPages, maximumPacketBytes, out ChannelRings? rings)
            ? rings!
            : throw new InvalidOperationException("The ring's pages cannot be mapped.");
}
