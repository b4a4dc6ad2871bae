using VmBus.Protocol.DynamicMemory;

namespace VmBus.Providers.DynamicMemory;

/// <summary>How a partition's memory stands.</summary>
/// <param name="IsReady">Whether the guest's driver serves requests.</param>
/// <param name="Version">The version agreed on, major &lt;&lt; 16 | minor; null until then.</param>
/// <param name="Capabilities">What the driver can do.</param>
/// <param name="StartBytes">What the guest started with.</param>
/// <param name="MaximumBytes">What it may have at most.</param>
/// <param name="AssignedBytes">What it has: with what was added, without what it gave back.</param>
/// <param name="BalloonedBytes">What it gave back.</param>
/// <param name="AddedBytes">What was added.</param>
/// <param name="GoalBytes">What was asked for and is still on its way; null when nothing is.</param>
/// <param name="AvailableBytes">What the guest's programs could still have, by its last report; null without one.</param>
/// <param name="CommittedBytes">What they have asked for, with the balloon and a reserve: the pressure; null without a report.</param>
public sealed record DynamicMemoryInfo(
    bool IsReady,
    uint? Version,
    DynamicMemoryCapabilities Capabilities,
    long StartBytes,
    long MaximumBytes,
    long AssignedBytes,
    long BalloonedBytes,
    long AddedBytes,
    long? GoalBytes,
    long? AvailableBytes,
    long? CommittedBytes);
