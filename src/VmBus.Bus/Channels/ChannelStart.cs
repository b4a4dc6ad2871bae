using VmBus.Memory.Guest;

namespace VmBus.Bus.Channels;

/// <summary>Everything that is needed to start serving a channel.</summary>
/// <param name="ChannelId">The channel id.</param>
/// <param name="PrimaryId">The primary channel's id; the channel's own when it is the primary.</param>
/// <param name="SubchannelIndex">0 for the primary channel.</param>
/// <param name="ConnectionId">What the guest signals on.</param>
/// <param name="EventFlag">What the host raises.</param>
/// <param name="TargetProcessor">Where the host raises it; 0xFFFFFFFF for nowhere.</param>
/// <param name="FromGuest">Pages of the ring that the guest writes.</param>
/// <param name="ToGuest">Pages of the ring that the host writes.</param>
/// <param name="UserData">The 120 bytes of the open.</param>
/// <param name="MonitorId">The bit of the monitor page by which the guest signals too; null for none.</param>
internal sealed record ChannelStart(
    uint ChannelId,
    uint PrimaryId,
    int SubchannelIndex,
    uint ConnectionId,
    uint EventFlag,
    uint TargetProcessor,
    IReadOnlyList<PageRun> FromGuest,
    IReadOnlyList<PageRun> ToGuest,
    ReadOnlyMemory<byte> UserData,
    byte? MonitorId);
