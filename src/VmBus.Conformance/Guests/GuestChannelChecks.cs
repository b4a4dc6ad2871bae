using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Tracing;

namespace VmBus.Conformance.Guests;

/// <summary>The guest's rules of channel.md, and those of synic.md that its messages show.</summary>
internal static class GuestChannelChecks
{
    private const string NoConnection = "The guest made no contact while it was traced: reboot it meanwhile.";

    // What a guest may still owe when the trace ends.
    private const ulong Patience = 5_000_000_000;

    public static IEnumerable<GuestCheck> All =>
    [
        new("CH-53", Proposals), new("CH-54", Requests), new("CH-55", ControlPages), new("CH-56", Reuse), new("CH-57", static trace => ClosingOrder(trace, null)),
        new("CH-58", Releases), new("SY-12", Slots),
    ];

    /// <summary>That no primary channel was closed while a sub-channel of its device was open.</summary>
    /// <param name="trace">The trace.</param>
    /// <param name="interfaceType">Of this kind of device alone; null for all.</param>
    public static string ClosingOrder(GuestTrace trace, Guid? interfaceType)
    {
        var offers = new Dictionary<uint, OfferChannel>();
        var open = new HashSet<uint>();
        int closed = 0;
        foreach (TracedMessage message in trace.Messages)
        {
            switch (message.FromGuest, message.Number)
            {
                case (false, (uint)ClientBoundType.OfferChannel) when OfferChannel.TryRead(message.Bytes.Span, out OfferChannel offer):
                    offers[offer.ChannelId] = offer;
                    break;
                case (true, (uint)ServerBoundType.OpenChannel):
                    open.Add(message.ChannelId);
                    break;
                case (true, (uint)ServerBoundType.InitiateContact or (uint)ServerBoundType.Unload):
                    open.Clear();
                    break;
                case (true, (uint)ServerBoundType.CloseChannel):
                    open.Remove(message.ChannelId);
                    if (!offers.TryGetValue(message.ChannelId, out OfferChannel primary) || primary.SubchannelIndex != 0 || (interfaceType is { } type && primary.InterfaceType != type)) break;
                    OfferChannel[] others = [.. offers.Values.Where(other => other.SubchannelIndex != 0 && other.InterfaceInstance == primary.InterfaceInstance)];
                    if (others.Length == 0) break;
                    closed++;
                    if (Array.Find(others, other => open.Contains(other.ChannelId)) is { ChannelId: > 0 } left)
                        throw new RuleBrokenException($"Channel {message.ChannelId} was closed while its sub-channel {left.ChannelId} was open.");
                    break;
            }
        }

        return closed > 0
            ? $"{closed} primary channels with sub-channels were closed, each after its sub-channels."
            : throw new NotCoveredException("The guest closed no device that has sub-channels: remove such a device meanwhile.");
    }

    private static string Proposals(GuestTrace trace)
    {
        if (trace.Connections.Count == 0) throw new NotCoveredException(NoConnection);
        foreach (Connection connection in trace.Connections)
        {
            ProtocolVersion? last = null;
            foreach (TracedMessage message in connection.Messages)
            {
                if (!message.FromGuest)
                {
                    if (message.Number == (uint)ClientBoundType.VersionResponse && VersionResponse.TryRead(message.Bytes.Span, out VersionResponse response) && response.Supported != 0) break;
                    continue;
                }

                if (message.Number == (uint)ServerBoundType.Unload) continue;
                Bench.Must(
                    message.Number == (uint)ServerBoundType.InitiateContact && InitiateContact.TryRead(message.Bytes.Span, out _),
                    $"The guest posted message {message.Number} before a version was accepted.");
                _ = InitiateContact.TryRead(message.Bytes.Span, out InitiateContact contact);
                Bench.Must(last is null || contact.Version < last, $"The guest proposed {contact.Version} after {last}.");
                last = contact.Version;
            }
        }

        IEnumerable<string> agreed = trace.Connections.Select(static connection => $"{Proposed(connection)} proposed, {connection.Version?.ToString() ?? "none"} agreed on");
        return $"{trace.Connections.Count} contacts: {string.Join("; ", agreed.Distinct(StringComparer.Ordinal))}.";
    }

    private static string Proposed(Connection connection)
        => string.Join(" ", connection.Messages.Where(static message => message is { FromGuest: true, Number: (uint)ServerBoundType.InitiateContact }).Select(static message => new ProtocolVersion(message.ChannelId)));

    private static string Requests(GuestTrace trace)
    {
        int asked = 0;
        foreach (Connection connection in trace.Connections.Where(static connection => connection.Version is not null))
        {
            int count = connection.Messages.Count(static message => message is { FromGuest: true, Number: (uint)ServerBoundType.RequestOffers });
            Bench.Must(count <= 1, $"The guest asked for offers {count} times in one connection.");
            asked += count;
        }

        return asked > 0 ? $"{asked} connections, each with one REQUEST_OFFERS." : throw new NotCoveredException(NoConnection);
    }

    private static string ControlPages(GuestTrace trace)
    {
        int opens = 0, marked = 0;
        foreach (ChannelSession session in trace.Sessions.Where(static session => session.Begins))
        {
            if (!TracedRings.TryRead(session.Records[0].Body.Span, out TracedRings rings)) continue;
            opens++;
            Bench.Must(IsSound(rings.FromGuest, rings.FromGuestBytes), $"The ring from the guest of {session} had an index that cannot be when it was opened.");
            Bench.Must(IsSound(rings.ToGuest, rings.ToGuestBytes), $"The ring to the guest of {session} had an index that cannot be when it was opened.");
            if (rings.FromGuest.FeatureBits != 0 && rings.ToGuest.FeatureBits != 0) marked++;
        }

        if (opens == 0) throw new NotCoveredException("The guest opened no channel while it was traced.");
        return marked > 0
            ? $"{opens} opens: all indices are sound, and {marked} times the guest had set feature bits in both rings."
            : throw new NotCoveredException($"{opens} opens: all indices are sound, but without feature bits nothing shows that the guest has written them.");
    }

    private static bool IsSound(TracedWords words, uint bytes)
        => words.WriteIndex <= bytes && words.ReadIndex <= bytes && words.WriteIndex % PacketDescriptor.Alignment == 0 && words.ReadIndex % PacketDescriptor.Alignment == 0;

    // Nobody can see a guest free its pages; that it describes them again is seen.
    private static string Reuse(GuestTrace trace)
    {
        if (trace.Connections.Count == 0) throw new NotCoveredException(NoConnection);
        var pages = new DescribedPages();
        foreach (TracedMessage message in trace.Connections.SelectMany(static connection => connection.Messages)) pages.Add(message);
        return pages.Gpadls > 0
            ? $"{pages.Gpadls} GPADLs of {pages.Pages} pages: no page was described again before the host had given it back."
            : throw new NotCoveredException("The guest described no memory while it was traced.");
    }

    private static string Releases(GuestTrace trace)
    {
        var owed = new Dictionary<uint, ulong>();
        int released = 0;
        foreach (TracedMessage message in trace.Messages)
        {
            switch (message.FromGuest, message.Number)
            {
                case (false, (uint)ClientBoundType.RescindChannelOffer):
                    owed[message.ChannelId] = message.Nanoseconds;
                    break;
                case (true, (uint)ServerBoundType.RelIdReleased) when owed.Remove(message.ChannelId):
                    released++;
                    break;
                case (true, (uint)ServerBoundType.InitiateContact or (uint)ServerBoundType.Unload):
                    owed.Clear();
                    break;
            }
        }

        ulong end = trace.Messages.Count == 0 ? 0 : trace.Messages[^1].Nanoseconds;
        foreach ((uint channel, ulong since) in owed) Bench.Must(end - since < Patience, $"The guest did not release channel {channel} after its rescind.");
        return released > 0 ? $"{released} rescinded channels were released." : throw new NotCoveredException("No channel was rescinded: remove a device meanwhile.");
    }

    // The host delivers a message when the slot is free, and only then: what answers a message shows that all before it were taken.
    private static string Slots(GuestTrace trace)
    {
        foreach (Connection connection in trace.Connections)
        {
            int delivered = 0, taken = 0;
            var created = new HashSet<uint>();
            foreach (TracedMessage message in connection.Messages)
            {
                if (!message.FromGuest) delivered++;
                if (message is { FromGuest: false, Number: (uint)ClientBoundType.GpadlCreated }) created.Add(message.Word(12));
                // Its rings were created, and it knows.
                if (message is { FromGuest: true, Number: (uint)ServerBoundType.OpenChannel } && created.Contains(message.Word(16))) taken = delivered;
            }

            if (taken > 1) return $"{taken} messages came through the slot one after the other, and the guest went on from the last of them.";
        }

        throw new NotCoveredException(NoConnection);
    }
}
