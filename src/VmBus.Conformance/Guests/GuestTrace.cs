using VmBus.Protocol.Channel;
using VmBus.Protocol.Tracing;

namespace VmBus.Conformance.Guests;

/// <summary>A trace in the shapes that checks of a guest ask for.</summary>
internal sealed class GuestTrace
{
    private readonly List<TracedMessage> _messages = [];
    private readonly List<ChannelSession> _sessions = [];
    private readonly Dictionary<uint, ChannelSession> _open = [];
    private readonly Dictionary<uint, Guid> _instances = [];

    public GuestTrace(IReadOnlyList<TraceRecord> records)
    {
        foreach (TraceRecord record in records) Add(record);
        Connections = Connect(_messages);
    }

    /// <summary>All channel messages.</summary>
    public IReadOnlyList<TracedMessage> Messages => _messages;

    /// <summary>Each time that a channel was open.</summary>
    public IReadOnlyList<ChannelSession> Sessions => _sessions;

    /// <summary>Each time that the guest made contact; what came before its first contact is not among them.</summary>
    public IReadOnlyList<Connection> Connections { get; }

    /// <summary>The sessions of one kind of device.</summary>
    public IEnumerable<ChannelSession> Of(Guid interfaceType) => _sessions.Where(session => session.InterfaceType == interfaceType);

    private void Add(TraceRecord record)
    {
        uint id = record.Header.ChannelId;
        switch (record.Header.Kind)
        {
            case TraceKind.Message:
                var message = new TracedMessage(record.Header.Direction == TraceDirection.FromGuest, record.Body, record.Nanoseconds);
                if (message.Number == (uint)ClientBoundType.OfferChannel && OfferChannel.TryRead(message.Bytes.Span, out OfferChannel offer)) _instances[offer.ChannelId] = offer.InterfaceInstance;
                _messages.Add(message);
                break;
            case TraceKind.Channel:
                if (TracedChannel.TryRead(record.Body.Span, out TracedChannel channel)) _instances[id] = channel.InterfaceInstance;
                break;
            case TraceKind.Rings when TracedRings.TryRead(record.Body.Span, out TracedRings rings) && rings.Moment == RingMoment.Opened:
                Begin(record, begins: true).Add(record);
                break;
            case TraceKind.Packet or TraceKind.Signal or TraceKind.Rings:
                ChannelSession session = _open.GetValueOrDefault(id) ?? Begin(record, begins: false);
                session.Add(record);
                if (session.Ends) _open.Remove(id);
                break;
        }
    }

    private ChannelSession Begin(TraceRecord record, bool begins)
    {
        TraceHeader header = record.Header;
        var session = new ChannelSession(
            header.ChannelId, header.InterfaceType, header.SubchannelIndex, header.OfferFlags, _instances.TryGetValue(header.ChannelId, out Guid instance) ? instance : null, begins);
        _sessions.Add(session);
        return _open[header.ChannelId] = session;
    }

    // A contact that follows a refusal is of the same connection.
    private static List<Connection> Connect(IReadOnlyList<TracedMessage> messages)
    {
        var connections = new List<Connection>();
        List<TracedMessage>? current = null;
        ProtocolVersion? version = null;
        ProtocolVersion proposed = default;
        foreach (TracedMessage message in messages)
        {
            if (message.FromGuest && InitiateContact.TryRead(message.Bytes.Span, out InitiateContact contact) && message.Number == (uint)ServerBoundType.InitiateContact)
            {
                if (current is null || version is not null)
                {
                    if (current is not null) connections.Add(new Connection(current, version));
                    (current, version) = ([], null);
                }

                proposed = contact.Version;
            }

            if (!message.FromGuest && message.Number == (uint)ClientBoundType.VersionResponse && VersionResponse.TryRead(message.Bytes.Span, out VersionResponse response) && response.Supported != 0)
                version = proposed;
            current?.Add(message);
        }

        if (current is not null) connections.Add(new Connection(current, version));
        return connections;
    }
}
