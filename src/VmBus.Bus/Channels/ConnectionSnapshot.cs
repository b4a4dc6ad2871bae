using VmBus.Bus.Devices;

namespace VmBus.Bus.Channels;

/// <summary>What is on the connection, for people and for tests; not enough to begin again from.</summary>
internal sealed record ConnectionSnapshot(ConnectionState State, IReadOnlyList<ChannelSnapshot> Channels, IReadOnlyList<GpadlSnapshot> Gpadls);

/// <summary>One channel. What it was opened with is null unless it is running.</summary>
internal sealed record ChannelSnapshot(
    uint Id,
    ChannelOffer Offer,
    int SubchannelIndex,
    ChannelState State,
    bool Removed,
    AfterClose? After,
    bool ReopenWaits,
    uint? RingGpadlId,
    uint ConnectionId,
    uint? TargetProcessor);

/// <summary>One complete GPADL.</summary>
internal sealed record GpadlSnapshot(uint ChannelId, uint Id, bool InUse);
