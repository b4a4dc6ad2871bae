using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus;
using VmBus.Bus.Ports;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.TestKit.Bus;

/// <summary>
/// A guest that speaks channel messages to a real bus on real lanes, without a virtual machine: what hv_vmbus does, one step at a time.
/// One thread at a time.
/// </summary>
public sealed class FakeGuest : IDisposable
{
    /// <summary>Long enough that only a bug reaches it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<Lane> _lanes = [];
    private readonly List<GuestChannel> _channels = [];
    private readonly Queue<OfferChannel> _lateOffers = [];
    private ulong _nextPage = 16;
    private uint _nextGpadl = 0xE1E10;

    /// <summary>Starts a bus with lanes of its own.</summary>
    /// <param name="memoryBytes">The guest's RAM.</param>
    /// <param name="laneCount">Lanes for channels.</param>
    /// <param name="maximumVersion">What the bus accepts at most.</param>
    /// <param name="logger">Where the bus reports; nowhere when null.</param>
    public FakeGuest(ulong memoryBytes = 64 << 20, int laneCount = 1, ProtocolVersion? maximumVersion = null, ILogger? logger = null)
    {
        Memory = GuestMemory.Create(memoryBytes);
        for (int i = 0; i < laneCount; i++) _lanes.Add(Lane.Start($"lane-{i}", logger ?? NullLogger.Instance));
        Server = VmBusServer.Start(
            new BusPorts(Ports, Ports, Ports, Memory) { Connects = Ports },
            _lanes,
            (maximumVersion ?? ProtocolVersion.V5_3).Value,
            logger ?? NullLogger.Instance);
    }

    /// <summary>The guest's RAM.</summary>
    public GuestMemory Memory { get; }

    /// <summary>What a machine would carry.</summary>
    public FakePorts Ports { get; } = new();

    /// <summary>The bus.</summary>
    public VmBusServer Server { get; }

    /// <summary>The lanes that serve channels.</summary>
    public IReadOnlyList<Lane> Lanes => _lanes;

    /// <summary>The version agreed on.</summary>
    public ProtocolVersion Version { get; private set; }

    /// <summary>The features agreed on.</summary>
    public FeatureFlags Features { get; private set; }

    /// <summary>Pages of RAM that nobody uses yet.</summary>
    public PageRun AllocatePages(int count)
    {
        var run = new PageRun(_nextPage, count);
        _nextPage += (ulong)count;
        if (!Memory.Contains(Gpa.FromPage(run.FirstPage), (ulong)count * Gpa.PageBytes))
            throw new InvalidOperationException("The test guest is out of memory.");
        return run;
    }

    /// <summary>Posts bytes as they are.</summary>
    public PostStatus PostBytes(ReadOnlySpan<byte> message, uint connectionId = ConnectionIds.Message) => Server.Post(connectionId, message);

    /// <summary>Posts a message, again and again while the queue is full, as guests do.</summary>
    public void Post<T>(in T message)
        where T : struct, IServerBoundMessage<T>
        => Post(message, []);

    /// <summary>Posts a message with bytes after its fixed part.</summary>
    public void Post<T>(in T message, ReadOnlySpan<byte> rest)
        where T : struct, IServerBoundMessage<T>
    {
        Span<byte> bytes = stackalloc byte[SyntheticInterrupts.MaximumMessageBytes];
        int length = message.Write(bytes);
        rest.CopyTo(bytes[length..]);
        PostStatus status;
        while ((status = PostBytes(bytes[..(length + rest.Length)])) == PostStatus.InsufficientBuffers) Thread.Yield();
        if (status != PostStatus.Accepted) throw new InvalidOperationException($"Posting {T.Type} gave {status}.");
    }

    /// <summary>The next message from the host; offers that came before are kept for <see cref="TakeOffer"/>.</summary>
    public T Expect<T>()
        where T : struct, IClientBoundMessage<T>
    {
        while (true)
        {
            byte[] message = Ports.TakeMessage(Patience) ?? throw new TimeoutException($"The host did not send {T.Type}.");
            var type = (ClientBoundType)ReadUInt32LittleEndian(message);
            if (type == T.Type && T.TryRead(message, out T value)) return value;
            if (type != ClientBoundType.OfferChannel || !OfferChannel.TryRead(message, out OfferChannel offer))
                throw new InvalidOperationException($"The host sent {type} where {T.Type} was expected.");
            _lateOffers.Enqueue(offer);
        }
    }

    /// <summary>The next offer: one that was kept, or one that comes now.</summary>
    public OfferChannel TakeOffer() => _lateOffers.TryDequeue(out OfferChannel offer) ? offer : Expect<OfferChannel>();

    /// <summary>Makes contact.</summary>
    /// <returns>The host's answer.</returns>
    public VersionResponse Contact(ProtocolVersion version, uint processor = 0, FeatureFlags features = FeatureFlags.None)
    {
        ulong info = version >= ProtocolVersion.V5_0 ? (uint)SyntheticInterrupts.VmBus | ((ulong)features << 32) : 0;
        Post(new InitiateContact(version, processor, info, 0, 0, Guid.Empty));
        VersionResponse response = Expect<VersionResponse>();
        if (response.Supported != 0) (Version, Features) = (version, response.Features ?? FeatureFlags.None);
        return response;
    }

    /// <summary>Makes contact and asks for offers.</summary>
    public IReadOnlyList<OfferChannel> Connect(ProtocolVersion? version = null, uint processor = 0, FeatureFlags features = FeatureFlags.None)
    {
        VersionResponse response = Contact(version ?? ProtocolVersion.V5_3, processor, features);
        if (response.Supported == 0) throw new InvalidOperationException("The host refused the version.");
        return RequestOffers();
    }

    /// <summary>Asks for offers.</summary>
    public IReadOnlyList<OfferChannel> RequestOffers()
    {
        Post(new RequestOffers());
        _ = Expect<AllOffersDelivered>();
        var offers = new List<OfferChannel>(_lateOffers);
        _lateOffers.Clear();
        return offers;
    }

    /// <summary>Describes pages to the host in one range, with as many bodies as it takes.</summary>
    /// <returns>The GPADL id and the host's answer.</returns>
    public (uint Id, NtStatus Status) CreateGpadl(uint channelId, params IReadOnlyList<PageRun> pages)
    {
        uint id = _nextGpadl++;
        PostGpadl(channelId, id, pages);
        GpadlCreated created = Expect<GpadlCreated>();
        if (created.GpadlId != id || created.ChannelId != channelId) throw new InvalidOperationException("The host answered for another GPADL.");
        return (id, created.Status);
    }

    /// <summary>Posts the messages that describe pages, without waiting for the answer.</summary>
    public void PostGpadl(uint channelId, uint id, params IReadOnlyList<PageRun> pages)
    {
        int count = pages.Sum(run => run.PageCount);
        var ranges = new byte[8 + (8 * count)];
        WriteUInt32LittleEndian(ranges, (uint)count * Gpa.PageBytes);
        int at = 8;
        foreach (PageRun run in pages)
        {
            for (int i = 0; i < run.PageCount; i++, at += 8) WriteUInt64LittleEndian(ranges.AsSpan(at), run.FirstPage + (ulong)i);
        }

        // Linux puts 26 page numbers into the header and 28 into each body.
        int sent = Math.Min(ranges.Length, 8 + (26 * 8));
        Post(new GpadlHeader(channelId, id, (ushort)ranges.Length, 1), ranges.AsSpan(0, sent));
        while (sent < ranges.Length)
        {
            int part = Math.Min(ranges.Length - sent, 28 * 8);
            Post(new GpadlBody(0, id), ranges.AsSpan(sent, part));
            sent += part;
        }
    }

    /// <summary>Allocates rings, describes them and opens the channel.</summary>
    /// <exception cref="InvalidOperationException">The host refused.</exception>
    public GuestChannel Open(OfferChannel offer, uint processor = 0, int pagesPerRing = 17)
    {
        GuestChannel channel = Prepare(offer, processor, pagesPerRing);
        NtStatus status = Open(channel);
        return status == NtStatus.Success ? channel : throw new InvalidOperationException($"The host refused to open channel {offer.ChannelId}: {status}.");
    }

    /// <summary>Allocates and describes rings.</summary>
    public GuestChannel Prepare(OfferChannel offer, uint processor = 0, int pagesPerRing = 17)
    {
        PageRun pages = AllocatePages(2 * pagesPerRing);
        (uint gpadl, NtStatus status) = CreateGpadl(offer.ChannelId, pages);
        if (status != NtStatus.Success) throw new InvalidOperationException($"The host refused the ring GPADL: {status}.");
        var channel = new GuestChannel(this, offer, gpadl, pages, pagesPerRing, processor);
        _channels.Add(channel);
        return channel;
    }

    /// <summary>Opens a prepared channel.</summary>
    public NtStatus Open(GuestChannel channel)
    {
        PostOpen(channel);
        OpenChannelResult result = Expect<OpenChannelResult>();
        if (result.ChannelId != channel.Id || result.OpenId != channel.Id) throw new InvalidOperationException("The host answered for another open.");
        return result.Status;
    }

    /// <summary>Posts the open of a prepared channel without waiting for the answer.</summary>
    public void PostOpen(GuestChannel channel) => Post(new OpenChannelRequest(
        channel.Id, channel.Id, channel.GpadlId, channel.Processor, (uint)channel.PagesPerRing, default, channel.ConnectionId, (ushort)channel.Id, 0));

    /// <summary>Closes a channel and takes its rings back, as Linux does.</summary>
    public void Close(GuestChannel channel)
    {
        Post(new CloseChannel(channel.Id));
        Teardown(channel.Id, channel.GpadlId);
    }

    /// <summary>Takes described memory back and waits for the answer.</summary>
    public void Teardown(uint channelId, uint gpadlId)
    {
        Post(new GpadlTeardown(channelId, gpadlId));
        if (Expect<GpadlTorndown>().GpadlId != gpadlId) throw new InvalidOperationException("The host answered for another GPADL.");
    }

    /// <summary>Ends the connection and waits for the answer.</summary>
    public void Unload()
    {
        Post(new Unload());
        _ = Expect<UnloadResponse>();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Server.Dispose();
        foreach (Lane lane in _lanes) lane.Dispose();
        foreach (GuestChannel channel in _channels) channel.Dispose();
        Ports.Dispose();
        Memory.Dispose();
    }
}
