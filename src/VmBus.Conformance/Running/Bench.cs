using System.Diagnostics;
using VmBus.Client;
using VmBus.Client.Channels;
using VmBus.Client.Transports;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Running;

/// <summary>
/// What a check works with: a guest that does whatever the check says, message by message, and looks at everything that the host sends.
/// </summary>
/// <remarks>One for each check, one thread. It begins without a connection and ends with an UNLOAD.</remarks>
internal sealed class Bench : IDisposable
{
    // The same that drivers use; pages below hold what tests of the bus itself put there.
    private const ulong FirstFreePage = 16;
    private const uint MarkerGpadl = 0x7FFF_0000;

    /// <summary>Versions of VMBus that all hosts of today may speak without features, newest first.</summary>
    public static readonly IReadOnlyList<ProtocolVersion> UsualVersions =
    [
        ProtocolVersion.V5_3, ProtocolVersion.V5_2, ProtocolVersion.V5_1, ProtocolVersion.V5_0, ProtocolVersion.V4_1, ProtocolVersion.V4_0,
        ProtocolVersion.V3_0, ProtocolVersion.V2_4,
    ];

    private readonly List<BenchChannel> _channels = [];
    private uint _marker = MarkerGpadl;

    public Bench(IClientTransport transport, TimeSpan patience, IHostOperator? hostOperator = null)
    {
        (Transport, Patience, Operator) = (transport, patience, hostOperator);
        Pages = new PagePool(transport.Memory, FirstFreePage);
        Client = NewClient();
        End();
    }

    public IClientTransport Transport { get; }

    /// <summary>For how long an answer that has to come is waited for.</summary>
    public TimeSpan Patience { get; }

    /// <summary>Who acts on the host's side; null for nobody.</summary>
    public IHostOperator? Operator { get; }

    public PagePool Pages { get; }

    /// <summary>The driver of the bus, which hears of every message that a check takes.</summary>
    public VmBusClient Client { get; private set; }

    public GuestMemory Memory => Transport.Memory;

    public ProtocolVersion Version => Client.Version ?? throw new InvalidOperationException("The check has not connected.");

    /// <summary>The connection that messages go to, as the host named it.</summary>
    public uint MessageConnection => Client.Version >= ProtocolVersion.V5_0 ? Client.Response!.Value.VersionOrConnectionId : ConnectionIds.Message;

    /// <summary>Ends the check when something is not as the rule says.</summary>
    public static void Must(bool condition, string evidence)
    {
        if (!condition) throw new RuleBrokenException(evidence);
    }

    public void Post<T>(in T message, ReadOnlySpan<byte> rest = default)
        where T : struct, IServerBoundMessage<T>
        => Must(Client.Post(message, rest) == ClientStatus.Ok, $"The host did not take {T.Type}.");

    /// <summary>Posts bytes as they are, on the connection's own port; again while the host has no room.</summary>
    public void PostBytes(params ReadOnlySpan<byte> message) => Must(PostTo(MessageConnection, message) == PostResult.Accepted, "The host did not take a message.");

    public PostResult PostTo(uint connection, ReadOnlySpan<byte> message)
    {
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            PostResult result = Transport.Post(connection, message);
            if (result != PostResult.Busy) return result;
            Must(Stopwatch.GetElapsedTime(started) < Patience, "The host had no room for a message for too long.");
            Thread.Yield();
        }
    }

    /// <summary>The next message of the host, or null when none comes in time.</summary>
    public byte[]? Take(TimeSpan? timeout = null)
    {
        Span<byte> message = stackalloc byte[SyntheticInterrupts.MaximumMessageBytes];
        int bytes = Transport.TakeMessage(message, timeout ?? Patience);
        if (bytes < 0) return null;
        byte[] copy = message[..Math.Min(bytes, message.Length)].ToArray();
        Client.Receive(copy);
        return copy;
    }

    /// <summary>The next message, which has to be of this kind.</summary>
    public T Expect<T>(string after)
        where T : struct, IClientBoundMessage<T>
    {
        byte[] message = Take() ?? throw new RuleBrokenException($"{after}: no {T.Type} came within {Patience.TotalSeconds} s.");
        Must(TypeOf(message) == T.Type, $"{after}: {TypeOf(message)} came where {T.Type} was due.");
        Must(T.TryRead(message, out T value), $"{after}: {T.Type} had {message.Length} bytes.");
        return value;
    }

    /// <summary>The next message of this kind, whatever comes before it.</summary>
    public T Await<T>(string after, Func<T, bool>? which = null)
        where T : struct, IClientBoundMessage<T>
    {
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < Patience)
        {
            if (Take() is not { } message) break;
            if (TypeOf(message) == T.Type && T.TryRead(message, out T value) && which?.Invoke(value) != false) return value;
        }

        throw new RuleBrokenException($"{after}: no {T.Type} came within {Patience.TotalSeconds} s.");
    }

    /// <summary>The host has sent nothing since: the answer to a teardown of nothing, which is given at once, is the next message.</summary>
    public void MustBeSilent(string after)
    {
        uint marker = _marker++;
        Post(new GpadlTeardown(0, marker));
        byte[] message = Take() ?? throw new RuleBrokenException($"{after}: the host does not answer any more.");
        bool silent = TypeOf(message) == ClientBoundType.GpadlTorndown && GpadlTorndown.TryRead(message, out GpadlTorndown torn) && torn.GpadlId == marker;
        Must(silent, $"{after}: the host sent {TypeOf(message)}, and nothing was due.");
    }

    /// <summary>The connection works: whatever was sent before has not ended it.</summary>
    public void MustGoOn(string after) => MustBeSilent(after);

    /// <summary>Makes contact with the newest version that the host speaks, or one.</summary>
    public ProtocolVersion Connect(ProtocolVersion? version = null, FeatureFlags features = FeatureFlags.None, uint processor = 0)
    {
        Client = NewClient(processor);
        ClientStatus status = version is { } one ? Client.Connect(one, features) : Client.Connect(UsualVersions);
        if (status == ClientStatus.Refused)
            throw new NotCoveredException(version is { } refused ? $"The host does not speak {refused}." : "The host speaks no version from 2.4 to 5.3.");
        Must(status == ClientStatus.Ok, $"Contact ended with {status}.");
        return Client.Version!.Value;
    }

    /// <summary>Connects and takes the offers.</summary>
    public IReadOnlyList<OfferChannel> ConnectAndList(ProtocolVersion? version = null, FeatureFlags features = FeatureFlags.None)
    {
        _ = Connect(version, features);
        return List();
    }

    /// <summary>Asks for the offers of a new connection.</summary>
    public IReadOnlyList<OfferChannel> List()
    {
        Must(Client.RequestOffers() == ClientStatus.Ok, "The host did not deliver its offers.");
        return Client.Offers;
    }

    /// <summary>The first offer of a kind, primary channels only.</summary>
    public OfferChannel Find(Guid interfaceType, string name)
    {
        foreach (OfferChannel offer in Client.Offers)
        {
            if (offer.InterfaceType == interfaceType && offer.SubchannelIndex == 0) return offer;
        }

        throw new NotCoveredException($"The host offers no {name}.");
    }

    /// <summary>Describes rings for an offer; not open yet.</summary>
    public BenchChannel Prepare(OfferChannel offer, int pagesPerRing = 5, uint processor = 0)
    {
        ClientStatus status = Client.TryPrepare(offer, pagesPerRing, out ClientChannel? channel);
        Must(status == ClientStatus.Ok, $"The host took no rings for channel {offer.ChannelId}: {status}.");
        channel!.Processor = processor;
        var prepared = new BenchChannel(this, channel);
        _channels.Add(prepared);
        return prepared;
    }

    /// <summary>Describes rings and opens.</summary>
    public BenchChannel Open(OfferChannel offer, int pagesPerRing = 5, uint processor = 0)
    {
        BenchChannel channel = Prepare(offer, pagesPerRing, processor);
        channel.Open();
        return channel;
    }

    /// <summary>Pages for a buffer.</summary>
    public PageRun TakePages(int count) => Pages.TryTake(count, out PageRun pages) ? pages : throw new NotCoveredException("The partition's memory is too small.");

    /// <summary>Waits for something that the host does without a message.</summary>
    public bool WaitUntil(Func<bool> condition, TimeSpan? timeout = null)
    {
        long started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(started) > (timeout ?? Patience)) return false;
            Thread.Sleep(1);
        }

        return true;
    }

    /// <summary>The number of a message.</summary>
    public static ClientBoundType TypeOf(ReadOnlySpan<byte> message)
        => message.Length < sizeof(uint) ? 0 : (ClientBoundType)ReadUInt32LittleEndian(message);

    public static byte[] Bytes<T>(in T message)
        where T : struct, IServerBoundMessage<T>
    {
        Span<byte> bytes = stackalloc byte[SyntheticInterrupts.MaximumMessageBytes];
        return bytes[..message.Write(bytes)].ToArray();
    }

    /// <summary>Ends the connection, whatever state it is in, and forgets what was sent.</summary>
    public void Dispose()
    {
        End();
        foreach (BenchChannel channel in _channels) channel.Dispose();
    }

    private void End()
    {
        _ = PostTo(ConnectionIds.Message, Bytes(new Unload()));
        long started = Stopwatch.GetTimestamp();
        while (Take() is { } message)
        {
            if (TypeOf(message) == ClientBoundType.UnloadResponse) return;
            Must(Stopwatch.GetElapsedTime(started) < Patience, "The host did not answer UNLOAD.");
        }

        throw new RuleBrokenException($"The host did not answer UNLOAD within {Patience.TotalSeconds} s.");
    }

    private VmBusClient NewClient(uint processor = 0)
        => new(Transport, Pages, new ClientOptions { AnswerTimeout = Patience, MessageProcessor = processor });
}
