using VmBus.Network.Links;

namespace VmBus.Providers.Network;

/// <summary>What an open channel of an adapter and its queue of the link have done since they were opened.</summary>
/// <param name="Index">The channel's number, 0 for the primary.</param>
/// <param name="Counters">Between the guest and the adapter.</param>
/// <param name="Link">Between the adapter and the link; all zero while the channel has no queue.</param>
public sealed record NetworkQueueInfo(int Index, NetworkCounters Counters, LinkQueueCounters Link);
