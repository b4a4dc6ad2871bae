using VmBus.Protocol.Channel;
using VmBus.Protocol.Tracing;

namespace VmBus.Conformance.Guests;

/// <summary>A channel from one open to the next close, as a trace has it.</summary>
/// <param name="channelId">Its id.</param>
/// <param name="interfaceType">What its device is.</param>
/// <param name="subchannelIndex">0 for the primary channel.</param>
/// <param name="flags">Those of its offer.</param>
/// <param name="instance">Which device it is; null where the trace does not say.</param>
/// <param name="begins">Whether the trace has the open.</param>
internal sealed class ChannelSession(uint channelId, Guid interfaceType, int subchannelIndex, OfferFlags flags, Guid? instance, bool begins)
{
    private readonly List<TraceRecord> _records = [];
    private readonly List<TracedPacket> _packets = [];

    public uint ChannelId { get; } = channelId;

    public Guid InterfaceType { get; } = interfaceType;

    public int SubchannelIndex { get; } = subchannelIndex;

    public OfferFlags Flags { get; } = flags;

    public Guid? Instance { get; } = instance;

    /// <summary>Whether the trace has it from its open on.</summary>
    public bool Begins { get; } = begins;

    /// <summary>Whether the trace has its close.</summary>
    public bool Ends { get; private set; }

    /// <summary>Packets, signals and control words, in order.</summary>
    public IReadOnlyList<TraceRecord> Records => _records;

    /// <summary>The packets, in order.</summary>
    public IReadOnlyList<TracedPacket> Packets => _packets;

    public override string ToString() => SubchannelIndex == 0 ? $"channel {ChannelId}" : $"sub-channel {ChannelId}";

    public void Add(TraceRecord record)
    {
        _records.Add(record);
        if (TracedPacket.Read(record) is { } packet) _packets.Add(packet);
        if (record.Header.Kind == TraceKind.Rings && TracedRings.TryRead(record.Body.Span, out TracedRings rings) && rings.Moment == RingMoment.Closed) Ends = true;
    }
}
