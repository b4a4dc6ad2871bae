namespace VmBus.Virtio.Balloon;

/// <summary>How a balloon stands.</summary>
/// <param name="IsReady">Whether the guest's driver serves it.</param>
/// <param name="StartBytes">What the guest started with.</param>
/// <param name="BalloonedBytes">What it gave back.</param>
/// <param name="GoalBytes">What it is to have, while that is on its way; null when nothing is.</param>
/// <param name="AvailableBytes">What its programs could still have, by its last report; null without one.</param>
public sealed record BalloonInfo(bool IsReady, long StartBytes, long BalloonedBytes, long? GoalBytes, long? AvailableBytes);
