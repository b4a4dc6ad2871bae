using System.Diagnostics;
using VmBus.Client.Transports;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;

namespace VmBus.Client.Channels;

/// <summary>
/// The guest's side of the channel messages: makes contact, keeps the offers, describes memory, opens and closes channels, one request at a time.
/// </summary>
/// <remarks>
/// One thread at a time; the channels' packets may be on others. An operation returns when the host has answered, or with a status: whatever the
/// host sends, nothing throws, and what it may send unasked is bounded. Source: protocol-spec/channel.md.
/// </remarks>
public sealed partial class VmBusClient
{
    private readonly IClientTransport _transport;
    private readonly ClientOptions _options;
    private readonly byte[] _message = new byte[SyntheticInterrupts.MaximumMessageBytes];
    private uint _messageConnection = ConnectionIds.Message;
    private (ProtocolVersion Version, FeatureFlags Features) _proposed;

    /// <summary>A client that has not made contact.</summary>
    /// <param name="transport">The machine.</param>
    /// <param name="pages">Where rings come from.</param>
    /// <param name="options">How it behaves; as usual when null.</param>
    public VmBusClient(IClientTransport transport, PagePool pages, ClientOptions? options = null)
    {
        _transport = transport;
        Pages = pages;
        _options = options ?? new ClientOptions();
        NextGpadlId = _options.FirstGpadlId;
    }

    /// <summary>Memory for rings and buffers.</summary>
    public PagePool Pages { get; }

    /// <summary>The machine.</summary>
    public IClientTransport Transport => _transport;

    /// <summary>The handle that the next GPADL gets.</summary>
    public uint NextGpadlId { get; private set; }

    /// <summary>The version agreed on; null without a connection.</summary>
    public ProtocolVersion? Version { get; private set; }

    /// <summary>The features agreed on.</summary>
    public FeatureFlags Features { get; private set; }

    /// <summary>The host's answer to the last contact; null when there was none.</summary>
    public VersionResponse? Response { get; private set; }

    /// <summary>The status of the last answer that carried one.</summary>
    public NtStatus HostStatus { get; private set; }

    /// <summary>Rules that the host has broken.</summary>
    public long Violations { get; private set; }

    /// <summary>The last of them.</summary>
    public ClientViolation LastViolation { get; private set; }

    /// <summary>Makes contact with one version; whatever was before is gone.</summary>
    /// <returns>Refused when the host does not speak the version.</returns>
    public ClientStatus Connect(ProtocolVersion version, FeatureFlags features = FeatureFlags.None)
    {
        ClientStatus posted = BeginContact(version, features);
        return posted == ClientStatus.Ok ? WaitForAnswer() : Abandon(posted);
    }

    /// <summary>Proposes a version without waiting: <see cref="Response"/> and <see cref="Version"/> are there when the answer has been pumped.</summary>
    public ClientStatus BeginContact(ProtocolVersion version, FeatureFlags features = FeatureFlags.None)
    {
        Forget();
        Response = null;
        _proposed = (version, version >= ProtocolVersion.V6_0 ? features : FeatureFlags.None);
        ulong info = version >= ProtocolVersion.V5_0 ? (uint)SyntheticInterrupts.VmBus | ((ulong)_proposed.Features << 32) : 0;
        // Hosts of 5.0 and later listen on their own connection; the answer names the one for everything after.
        _messageConnection = version >= ProtocolVersion.V5_0 ? ConnectionIds.MultiClientMessage : ConnectionIds.Message;
        _awaited = new Awaited(ClientBoundType.VersionResponse, 0, 0);
        return Post(new InitiateContact(version, _options.MessageProcessor, info, 0, 0, _options.ClientId));
    }

    /// <summary>Makes contact with the first version that the host accepts, as drivers do.</summary>
    /// <param name="versions">What the guest speaks, in the order to propose it.</param>
    /// <param name="features">The features to ask for where the version has them.</param>
    public ClientStatus Connect(IEnumerable<ProtocolVersion> versions, FeatureFlags features = FeatureFlags.None)
    {
        ArgumentNullException.ThrowIfNull(versions);
        ClientStatus status = ClientStatus.Refused;
        foreach (ProtocolVersion version in versions)
        {
            status = Connect(version, features);
            if (status != ClientStatus.Refused) break;
        }

        return status;
    }

    /// <summary>Asks for the offers and waits until the host says that these were all; once per connection.</summary>
    public ClientStatus RequestOffers() => Version is null
        ? ClientStatus.BadState
        : Ask(new RequestOffers(), default, new Awaited(ClientBoundType.AllOffersDelivered, 0, 0));

    /// <summary>Ends the connection. The host touches no memory of the guest any more when it has answered.</summary>
    public ClientStatus Unload()
    {
        ClientStatus status = Ask(new Unload(), default, new Awaited(ClientBoundType.UnloadResponse, 0, 0));
        Forget();
        return status;
    }

    /// <summary>Posts any message, again and again while the host has no room for it: the hypercall has no other way to wait.</summary>
    /// <remarks>The client's own operations use it. A caller that posts what they post has to take care of the answers itself.</remarks>
    public ClientStatus Post<T>(in T message, ReadOnlySpan<byte> rest = default)
        where T : struct, IServerBoundMessage<T>
    {
        Span<byte> bytes = stackalloc byte[SyntheticInterrupts.MaximumMessageBytes];
        int length = message.Write(bytes);
        rest.CopyTo(bytes[length..]);
        if (message is RelIdReleased released) _channels.Remove(released.ChannelId);
        return Post(bytes[..(length + rest.Length)]);
    }

    /// <summary>Takes one message of the host, if one comes in time.</summary>
    /// <returns>False when none came.</returns>
    public bool Pump(TimeSpan timeout)
    {
        int length = _transport.TakeMessage(_message, timeout);
        if (length < 0) return false;
        Receive(_message.AsSpan(0, Math.Min(length, _message.Length)));
        return true;
    }

    /// <summary>Counts a broken rule.</summary>
    internal void Violate(ClientViolation violation)
    {
        Violations++;
        LastViolation = violation;
    }

    private ClientStatus Post(ReadOnlySpan<byte> message)
    {
        long started = Stopwatch.GetTimestamp();
        int tries = 0;
        while (true)
        {
            switch (_transport.Post(_messageConnection, message))
            {
                case PostResult.Accepted:
                    return ClientStatus.Ok;
                case PostResult.Refused:
                    return ClientStatus.Refused;
                case PostResult.Busy:
                    if (Stopwatch.GetElapsedTime(started) >= _options.AnswerTimeout) return ClientStatus.TimedOut;
                    Thread.Sleep(++tries < 100 ? 0 : 1);
                    break;
                default:
                    throw new InvalidOperationException("A transport has no other result.");
            }
        }
    }

    private void Forget()
    {
        Version = null;
        Features = FeatureFlags.None;
        _channels.Clear();
        _newOffers.Clear();
        _abandoned.Clear();
    }
}
