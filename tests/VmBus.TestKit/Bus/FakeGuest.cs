using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus;
using VmBus.Bus.Ports;
using VmBus.Client;
using VmBus.Client.Channels;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.TestKit.Bus;

/// <summary>
/// A guest that speaks channel messages to a real bus on real lanes, without a virtual machine: a <see cref="VmBusClient"/> whose failures are
/// exceptions, and which can also do one step at a time and what no driver does. One thread at a time.
/// </summary>
public sealed class FakeGuest : IDisposable
{
    /// <summary>Long enough that only a bug reaches it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private const ulong FirstFreePage = 16;

    private readonly List<Lane> _lanes = [];
    private readonly List<GuestChannel> _channels = [];

    /// <summary>Starts a bus with lanes of its own.</summary>
    /// <param name="memoryBytes">The guest's RAM.</param>
    /// <param name="laneCount">Lanes for channels.</param>
    /// <param name="maximumVersion">What the bus accepts at most.</param>
    /// <param name="logger">Where the bus reports; nowhere when null.</param>
    /// <param name="pollTime">For how long lanes look for more before they sleep.</param>
    public FakeGuest(ulong memoryBytes = 64 << 20, int laneCount = 1, ProtocolVersion? maximumVersion = null, ILogger? logger = null, TimeSpan pollTime = default)
    {
        Memory = GuestMemory.Create(memoryBytes);
        for (int i = 0; i < laneCount; i++) _lanes.Add(Lane.Start($"lane-{i}", logger ?? NullLogger.Instance, new LaneOptions { PollTime = pollTime }));
        Server = VmBusServer.Start(
            new BusPorts(Ports, Ports, Ports, Memory) { Connects = Ports, Observer = Ports },
            _lanes,
            (maximumVersion ?? ProtocolVersion.V5_3).Value,
            logger ?? NullLogger.Instance);
        Client = NewClient();
    }

    /// <summary>The guest's RAM.</summary>
    public GuestMemory Memory { get; }

    /// <summary>What a machine would carry.</summary>
    public FakePorts Ports { get; } = new();

    /// <summary>The bus.</summary>
    public VmBusServer Server { get; }

    /// <summary>The lanes that serve channels.</summary>
    public IReadOnlyList<Lane> Lanes => _lanes;

    /// <summary>The guest's driver of the bus.</summary>
    public VmBusClient Client { get; private set; }

    /// <summary>The version agreed on.</summary>
    public ProtocolVersion Version => Client.Version ?? default;

    /// <summary>The features agreed on.</summary>
    public FeatureFlags Features => Client.Features;

    /// <summary>Pages of RAM that nobody uses yet.</summary>
    public PageRun AllocatePages(int count)
        => Client.Pages.TryTake(count, out PageRun pages) ? pages : throw new InvalidOperationException("The test guest is out of memory.");

    /// <summary>Posts bytes as they are.</summary>
    public PostStatus PostBytes(ReadOnlySpan<byte> message, uint connectionId = ConnectionIds.Message) => Server.Post(connectionId, message);

    /// <summary>Posts a message with bytes after its fixed part, again and again while the queue is full, as guests do.</summary>
    public void Post<T>(in T message, ReadOnlySpan<byte> rest = default)
        where T : struct, IServerBoundMessage<T>
        => Check(Client.Post(message, rest), $"Posting {T.Type}");

    /// <summary>The next message from the host; offers that came before are kept for <see cref="TakeOffer"/>.</summary>
    public T Expect<T>()
        where T : struct, IClientBoundMessage<T>
    {
        while (true)
        {
            byte[] message = Ports.TakeMessage(Patience) ?? throw new TimeoutException($"The host did not send {T.Type}.");
            // The client hears of it too, so that it knows what is offered and what is gone.
            Client.Receive(message);
            var type = (ClientBoundType)ReadUInt32LittleEndian(message);
            if (type == T.Type && T.TryRead(message, out T value)) return value;
            if (type != ClientBoundType.OfferChannel) throw new InvalidOperationException($"The host sent {type} where {T.Type} was expected.");
        }
    }

    /// <summary>The next offer: one that was kept, or one that comes now.</summary>
    public OfferChannel TakeOffer()
    {
        Check(Client.TryTakeOffer(Patience, out OfferChannel offer), "An offer");
        return offer;
    }

    /// <summary>Makes contact.</summary>
    /// <returns>The host's answer.</returns>
    public VersionResponse Contact(ProtocolVersion version, uint processor = 0, FeatureFlags features = FeatureFlags.None)
    {
        Client = NewClient(processor);
        ClientStatus status = Client.Connect(version, features);
        if (status != ClientStatus.Refused) Check(status, $"Contact with {version}");
        return Client.Response!.Value;
    }

    /// <summary>Makes contact without waiting for the answer.</summary>
    public void PostContact(ProtocolVersion version, uint processor = 0)
    {
        Client = NewClient(processor);
        Check(Client.BeginContact(version), $"Contact with {version}");
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
        Check(Client.RequestOffers(), "Asking for offers");
        var offers = new List<OfferChannel>();
        while (Client.TryTakeOffer(TimeSpan.Zero, out OfferChannel offer) == ClientStatus.Ok) offers.Add(offer);
        return offers;
    }

    /// <summary>Describes pages to the host in one range, with as many bodies as it takes.</summary>
    /// <returns>The GPADL id and the host's answer.</returns>
    public (uint Id, NtStatus Status) CreateGpadl(uint channelId, params IReadOnlyList<PageRun> pages)
    {
        ClientStatus status = Client.TryCreateGpadl(channelId, pages, out uint id);
        if (status != ClientStatus.Refused) Check(status, "Describing memory");
        return (id, Client.HostStatus);
    }

    /// <summary>Posts the messages that describe pages, without waiting for the answer.</summary>
    public void PostGpadl(uint channelId, uint id, params IReadOnlyList<PageRun> pages)
        => Check(Client.PostGpadl(channelId, id, pages), "Describing memory");

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
        Check(Client.TryPrepare(offer, pagesPerRing, out ClientChannel? prepared), "Describing rings");
        prepared!.Processor = processor;
        var channel = new GuestChannel(this, prepared);
        _channels.Add(channel);
        return channel;
    }

    /// <summary>Opens a prepared channel.</summary>
    public NtStatus Open(GuestChannel channel)
    {
        ClientStatus status = Client.Open(channel.Channel);
        if (status != ClientStatus.Refused) Check(status, "Opening a channel");
        return Client.HostStatus;
    }

    /// <summary>Posts the open of a prepared channel without waiting for the answer.</summary>
    public void PostOpen(GuestChannel channel) => Post(VmBusClient.Request(channel.Channel));

    /// <summary>Closes a channel and takes its rings back, as Linux does.</summary>
    public void Close(GuestChannel channel)
    {
        Post(new CloseChannel(channel.Id));
        Teardown(channel.Id, channel.GpadlId);
    }

    /// <summary>Takes described memory back and waits for the answer.</summary>
    public void Teardown(uint channelId, uint gpadlId)
    {
        // Of a channel that was rescinded too, which no driver does.
        Post(new GpadlTeardown(channelId, gpadlId));
        if (Expect<GpadlTorndown>().GpadlId != gpadlId) throw new InvalidOperationException("The host answered for another GPADL.");
    }

    /// <summary>Ends the connection and waits for the answer.</summary>
    public void Unload() => Check(Client.Unload(), "Unload");

    /// <inheritdoc/>
    public void Dispose()
    {
        Server.Dispose();
        foreach (Lane lane in _lanes) lane.Dispose();
        foreach (GuestChannel channel in _channels) channel.Dispose();
        Ports.Dispose();
        Memory.Dispose();
    }

    private static void Check(ClientStatus status, string what)
    {
        if (status == ClientStatus.TimedOut) throw new TimeoutException($"{what} was not answered.");
        if (status != ClientStatus.Ok) throw new InvalidOperationException($"{what} gave {status}.");
    }

    // Handles go on over connections, so that a test can tell an old one.
    private VmBusClient NewClient(uint processor = 0) => new(
        new BusTransport(Ports, Server, Memory),
        Client?.Pages ?? new PagePool(Memory, FirstFreePage),
        new ClientOptions { AnswerTimeout = Patience, MessageProcessor = processor, FirstGpadlId = Client?.NextGpadlId ?? 0xE1E10 });
}
