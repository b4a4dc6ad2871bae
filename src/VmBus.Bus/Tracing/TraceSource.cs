using VmBus.Protocol.Channel;

namespace VmBus.Bus.Tracing;

/// <summary>The channel that a record is of.</summary>
/// <param name="ChannelId">Its id.</param>
/// <param name="SubchannelIndex">0 for the primary channel.</param>
/// <param name="Flags">Those of its offer.</param>
/// <param name="InterfaceType">What its device is.</param>
internal sealed record TraceSource(uint ChannelId, int SubchannelIndex, OfferFlags Flags, Guid InterfaceType);
