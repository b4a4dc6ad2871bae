using VmBus.Bus.Channels;
using VmBus.Memory.Rings;

namespace VmBus.Bus.Devices;

/// <summary>A channel as a person sees it: who it is, how it stands, what it has done since it was opened.</summary>
/// <param name="Id">The channel id (relid).</param>
/// <param name="InterfaceType">What the device is.</param>
/// <param name="InterfaceInstance">Which one it is.</param>
/// <param name="SubchannelIndex">0 for the primary channel.</param>
/// <param name="State">Where it stands.</param>
/// <param name="ConnectionId">What the guest signals on.</param>
/// <param name="TargetProcessor">Where its interrupts go; null when not open.</param>
/// <param name="Lane">The lane that serves it; null when not open.</param>
/// <param name="PacketsIn">Packets taken from the guest.</param>
/// <param name="PacketsOut">Packets sent to the guest.</param>
/// <param name="Interrupts">Interrupts raised.</param>
/// <param name="Kicks">Times that the guest's signals woke the lane.</param>
public sealed record ChannelInfo(
    uint Id,
    Guid InterfaceType,
    Guid InterfaceInstance,
    int SubchannelIndex,
    ChannelState State,
    uint ConnectionId,
    uint? TargetProcessor,
    string? Lane,
    long PacketsIn,
    long PacketsOut,
    long Interrupts,
    long Kicks)
{
    /// <summary>What the device has moved; null when the channel is not open, or its device does not count.</summary>
    public ChannelTraffic? Traffic { get; init; }

    /// <summary>How full the ring from the guest is; null when the channel is not open.</summary>
    public RingFill? FromGuest { get; init; }

    /// <summary>How full the ring to the guest is; null when the channel is not open.</summary>
    public RingFill? ToGuest { get; init; }
}
