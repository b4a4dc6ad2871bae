using System.Diagnostics;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Client.Channels;

// Offers, memory that the host is to use, and channels over it.
public sealed partial class VmBusClient
{
    // Linux puts 26 page numbers into the header and 28 into each body.
    private const int HeaderRangeBytes = 8 + (26 * sizeof(ulong));
    private const int BodyRangeBytes = 28 * sizeof(ulong);

    private readonly Dictionary<uint, KnownChannel> _channels = [];
    private readonly List<uint> _newOffers = [];
    private uint _tornDownChannel;

    /// <summary>The channels that are offered now, in order of id.</summary>
    public IReadOnlyList<OfferChannel> Offers
        => [.. _channels.Values.Where(static known => !known.IsRescinded).Select(static known => known.Offer).OrderBy(static offer => offer.ChannelId)];

    /// <summary>The channels that the host has taken away and that wait for <see cref="Release"/>.</summary>
    public IReadOnlyList<uint> RescindedChannels => [.. _channels.Where(static pair => pair.Value.IsRescinded).Select(static pair => pair.Key).Order()];

    /// <summary>The next offer that was not taken yet, in the order they came; waits for one.</summary>
    /// <returns>Ok or TimedOut.</returns>
    public ClientStatus TryTakeOffer(TimeSpan timeout, out OfferChannel offer)
    {
        long started = Stopwatch.GetTimestamp();
        while (_newOffers.Count == 0)
        {
            TimeSpan left = timeout - Stopwatch.GetElapsedTime(started);
            offer = default;
            if (left <= TimeSpan.Zero || !Pump(left)) return ClientStatus.TimedOut;
        }

        offer = _channels[_newOffers[0]].Offer;
        _newOffers.RemoveAt(0);
        return ClientStatus.Ok;
    }

    /// <summary>Takes the offer of a sub-channel of a device, now or when it comes.</summary>
    /// <param name="primary">The device's primary channel.</param>
    /// <param name="index">Which, from 1 on.</param>
    /// <param name="timeout">How long to wait for it.</param>
    /// <param name="offer">The offer.</param>
    /// <returns>Ok or TimedOut.</returns>
    public ClientStatus TryTakeSubchannel(OfferChannel primary, int index, TimeSpan timeout, out OfferChannel offer)
    {
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            int found = _newOffers.FindIndex(id => IsSame(_channels[id].Offer, primary) && _channels[id].Offer.SubchannelIndex == index);
            offer = found < 0 ? default : _channels[_newOffers[found]].Offer;
            if (found >= 0)
            {
                _newOffers.RemoveAt(found);
                return ClientStatus.Ok;
            }

            TimeSpan left = timeout - Stopwatch.GetElapsedTime(started);
            if (left <= TimeSpan.Zero || !Pump(left)) return ClientStatus.TimedOut;
        }
    }

    /// <summary>Gives a channel id back: the guest has forgotten the channel, and the host may offer it anew.</summary>
    public ClientStatus Release(uint channelId)
        => _channels.ContainsKey(channelId) ? Post(new RelIdReleased(channelId)) : ClientStatus.BadState;

    /// <summary>Describes memory to the host in one range, with as many messages as it takes, and waits for the answer.</summary>
    /// <param name="channelId">The channel that it is for.</param>
    /// <param name="pages">Whole pages, at most 8190.</param>
    /// <param name="gpadlId">The handle.</param>
    public ClientStatus TryCreateGpadl(uint channelId, IReadOnlyList<PageRun> pages, out uint gpadlId)
    {
        gpadlId = NextGpadlId++;
        if (!IsThere(channelId)) return WhyNot(channelId);
        _awaited = new Awaited(ClientBoundType.GpadlCreated, channelId, gpadlId);
        ClientStatus posted = PostGpadl(channelId, gpadlId, pages);
        return posted == ClientStatus.Ok ? WaitForAnswer() : Abandon(posted);
    }

    /// <summary>Posts the messages that describe memory, without waiting for the answer.</summary>
    public ClientStatus PostGpadl(uint channelId, uint gpadlId, IReadOnlyList<PageRun> pages)
    {
        byte[] ranges = DescribeRange(pages);
        int sent = Math.Min(ranges.Length, HeaderRangeBytes);
        ClientStatus status = Post(new GpadlHeader(channelId, gpadlId, (ushort)ranges.Length, 1), ranges.AsSpan(0, sent));
        while (sent < ranges.Length && status == ClientStatus.Ok)
        {
            int part = Math.Min(ranges.Length - sent, BodyRangeBytes);
            status = Post(new GpadlBody(0, gpadlId), ranges.AsSpan(sent, part));
            sent += part;
        }

        return status;
    }

    /// <summary>Takes described memory back; it is the guest's own again when this returns Ok, or when the channel was rescinded.</summary>
    public ClientStatus TearDownGpadl(uint channelId, uint gpadlId)
    {
        if (!IsThere(channelId)) return WhyNot(channelId);
        // The answer does not name the channel.
        _tornDownChannel = channelId;
        return Ask(new GpadlTeardown(channelId, gpadlId), default, new Awaited(ClientBoundType.GpadlTorndown, 0, gpadlId));
    }

    /// <summary>Allocates rings and describes them to the host; the channel is not open yet.</summary>
    /// <param name="offer">What was offered.</param>
    /// <param name="pagesPerRing">Pages of each ring, at least 2.</param>
    /// <param name="channel">The channel, when this returns Ok.</param>
    public ClientStatus TryPrepare(OfferChannel offer, int pagesPerRing, out ClientChannel? channel)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pagesPerRing, 2);
        channel = null;
        if (!Pages.TryTake(2 * pagesPerRing, out PageRun pages)) return ClientStatus.OutOfMemory;
        ClientStatus status = TryCreateGpadl(offer.ChannelId, [pages], out uint gpadl);
        if (status == ClientStatus.Ok)
        {
            if (ChannelRings.TryCreate(_transport.Memory, [pages], pagesPerRing, ChannelRings.UsualMaximumPacketBytes, out ChannelRings? rings))
            {
                channel = new ClientChannel(_transport, offer, gpadl, pages, pagesPerRing, rings!);
                _channels[offer.ChannelId].Channel = channel;
                return ClientStatus.Ok;
            }

            status = TearDownGpadl(offer.ChannelId, gpadl) is var torndown && torndown == ClientStatus.Ok ? ClientStatus.OutOfMemory : torndown;
        }

        // A host that has not answered may still write there.
        if (status is not (ClientStatus.TimedOut or ClientStatus.Violation)) Pages.Return(pages);
        return status;
    }

    /// <summary>Opens a prepared channel, for the first time or again.</summary>
    public ClientStatus Open(ClientChannel channel)
    {
        ArgumentNullException.ThrowIfNull(channel);
        if (channel.State != ClientChannelState.Prepared) return ClientStatus.BadState;
        if (!IsThere(channel.Id)) return WhyNot(channel.Id);
        channel.State = ClientChannelState.Opening;
        _transport.Listen(channel.Processor, channel.Id);
        ClientStatus status = Ask(Request(channel), default, new Awaited(ClientBoundType.OpenChannelResult, channel.Id, channel.Id));
        channel.State = status switch
        {
            ClientStatus.Ok => ClientChannelState.Open,
            ClientStatus.TimedOut or ClientStatus.Violation => ClientChannelState.Opening,
            _ => ClientChannelState.Prepared,
        };
        return status;
    }

    /// <summary>Prepares and opens a channel; what fails leaves nothing behind.</summary>
    public ClientStatus TryOpen(OfferChannel offer, int pagesPerRing, uint processor, out ClientChannel? channel)
    {
        ClientStatus status = TryPrepare(offer, pagesPerRing, out channel);
        if (status != ClientStatus.Ok) return status;
        channel!.Processor = processor;
        status = Open(channel);
        if (status == ClientStatus.Ok) return status;
        _ = Close(channel);
        channel = null;
        return status;
    }

    /// <summary>Has the host interrupt another processor for a channel, from 4.1 on.</summary>
    public ClientStatus Retarget(ClientChannel channel, uint processor)
    {
        ArgumentNullException.ThrowIfNull(channel);
        if (Version is not { } version || version < ProtocolVersion.V4_1 || channel.State != ClientChannelState.Open) return ClientStatus.BadState;
        _transport.Listen(processor, channel.Id);
        var request = new ModifyChannel(channel.Id, processor);
        ClientStatus status = version >= ProtocolVersion.V5_3
            ? Ask(request, default, new Awaited(ClientBoundType.ModifyChannelResponse, channel.Id, 0))
            : Post(request);
        if (status == ClientStatus.Ok) channel.Processor = processor;
        return status;
    }

    /// <summary>Closes a channel, opened or only prepared, and takes its rings back. Nobody uses its packets any more.</summary>
    /// <returns>Ok also when the channel was rescinded: the host has stopped to use the rings then.</returns>
    public ClientStatus Close(ClientChannel channel)
    {
        ArgumentNullException.ThrowIfNull(channel);
        if (channel.State == ClientChannelState.Closed) return ClientStatus.BadState;
        bool wasOpen = channel.State is ClientChannelState.Open or ClientChannelState.Opening;
        channel.State = ClientChannelState.Closed;
        ClientStatus status = wasOpen ? Post(new CloseChannel(channel.Id)) : ClientStatus.Ok;
        if (status == ClientStatus.Ok && !channel.IsRescinded) status = TearDownGpadl(channel.Id, channel.GpadlId);
        if (status == ClientStatus.Rescinded) status = ClientStatus.Ok;
        if (_channels.TryGetValue(channel.Id, out KnownChannel? known) && known.Channel == channel) known.Channel = null;
        channel.Rings.Dispose();
        // Without an answer the host may still write there: the pages are lost.
        if (status == ClientStatus.Ok) Pages.Return(channel.Pages);
        return status;
    }

    /// <summary>What opens a channel.</summary>
    public static OpenChannelRequest Request(ClientChannel channel) => new(
        channel.Id, channel.Id, channel.GpadlId, channel.Processor, (uint)channel.PagesPerRing, default, channel.ConnectionId, (ushort)channel.Id, 0);

    private static byte[] DescribeRange(IReadOnlyList<PageRun> pages)
    {
        int count = pages.Sum(static run => run.PageCount);
        var range = new byte[8 + (sizeof(ulong) * count)];
        ArgumentOutOfRangeException.ThrowIfGreaterThan(range.Length, ushort.MaxValue, nameof(pages));
        WriteUInt32LittleEndian(range, (uint)count * Gpa.PageBytes);
        int at = 8;
        foreach (PageRun run in pages)
        {
            for (int i = 0; i < run.PageCount; i++, at += sizeof(ulong)) WriteUInt64LittleEndian(range.AsSpan(at), run.FirstPage + (ulong)i);
        }

        return range;
    }

    private bool IsThere(uint channelId) => _channels.TryGetValue(channelId, out KnownChannel? known) && !known.IsRescinded;

    private ClientStatus WhyNot(uint channelId) => _channels.ContainsKey(channelId) ? ClientStatus.Rescinded : ClientStatus.BadState;

    // Each id at most once, and each instance: a host cannot make these lists longer than that.
    private void Offered(in OfferChannel offer)
    {
        OfferChannel offered = offer;
        bool hasPrimary = _channels.Values.Any(known => !known.IsRescinded && IsSame(known.Offer, offered) && known.Offer.SubchannelIndex == 0);
        bool possible = Version is not null && offer.ChannelId is > 0 and < SyntheticInterrupts.EventFlagCount && !_channels.ContainsKey(offer.ChannelId);
        if (!possible || hasPrimary != (offer.SubchannelIndex != 0))
        {
            Violate(ClientViolation.BadOffer);
            return;
        }

        _channels.Add(offer.ChannelId, new KnownChannel(offer));
        _newOffers.Add(offer.ChannelId);
    }

    private static bool IsSame(in OfferChannel left, in OfferChannel right) => left.InterfaceInstance == right.InterfaceInstance;

    private void Rescinded(uint channelId)
    {
        if (!IsThere(channelId))
        {
            Violate(ClientViolation.BadRescind);
            return;
        }

        KnownChannel known = _channels[channelId];
        known.IsRescinded = true;
        if (known.Channel is { } channel) channel.IsRescinded = true;
        _newOffers.Remove(channelId);
        if (_awaited is not { } awaited) return;
        uint about = awaited.Type == ClientBoundType.GpadlTorndown ? _tornDownChannel : awaited.ChannelId;
        if (about != channelId) return;
        // Whoever waits need not wait any longer: the host has stopped, and may answer all the same.
        _abandoned.Add(awaited);
        _awaited = null;
        _outcome = ClientStatus.Rescinded;
    }

    private sealed class KnownChannel(OfferChannel offer)
    {
        public OfferChannel Offer { get; } = offer;

        public bool IsRescinded { get; set; }

        public ClientChannel? Channel { get; set; }
    }
}
