using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>How a partition's memory stands.</summary>
/// <param name="Ready">Whether the guest's driver serves requests.</param>
/// <param name="Version">The version of dynamic memory agreed on; null until then.</param>
/// <param name="CanBalloon">Whether the driver can give memory back.</param>
/// <param name="CanGrow">Whether it can use memory that is added.</param>
/// <param name="StartBytes">What the guest started with.</param>
/// <param name="MaximumBytes">What it may have at most.</param>
/// <param name="AssignedBytes">What it has.</param>
/// <param name="BalloonedBytes">What it has given back.</param>
/// <param name="AddedBytes">What was added to it.</param>
/// <param name="GoalBytes">What it is to have and does not yet; null when nothing is asked for.</param>
/// <param name="AvailableBytes">What its programs could still have, by its last report; null without one.</param>
/// <param name="CommittedBytes">What they have asked for, with what was given back and a reserve; null without a report.</param>
public sealed record MemoryReport(
    bool Ready,
    string? Version,
    bool CanBalloon,
    bool CanGrow,
    long StartBytes,
    long MaximumBytes,
    long AssignedBytes,
    long BalloonedBytes,
    long AddedBytes,
    long? GoalBytes,
    long? AvailableBytes,
    long? CommittedBytes) : IControlValue<MemoryReport>
{
    /// <inheritdoc/>
    public static MemoryReport Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new MemoryReport(
            map.Boolean("ready"),
            map.TextOrNull("version"),
            map.Boolean("can_balloon"),
            map.Boolean("can_grow"),
            map.Int64("start_bytes"),
            map.Int64("maximum_bytes"),
            map.Int64("assigned_bytes"),
            map.Int64("ballooned_bytes"),
            map.Int64("added_bytes"),
            map.Int64OrNull("goal_bytes"),
            map.Int64OrNull("available_bytes"),
            map.Int64OrNull("committed_bytes"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(12);
        writer.Pair("ready", Ready);
        writer.Pair("version", Version);
        writer.Pair("can_balloon", CanBalloon);
        writer.Pair("can_grow", CanGrow);
        writer.Pair("start_bytes", StartBytes);
        writer.Pair("maximum_bytes", MaximumBytes);
        writer.Pair("assigned_bytes", AssignedBytes);
        writer.Pair("ballooned_bytes", BalloonedBytes);
        writer.Pair("added_bytes", AddedBytes);
        writer.Pair("goal_bytes", GoalBytes);
        writer.Pair("available_bytes", AvailableBytes);
        writer.Pair("committed_bytes", CommittedBytes);
    }
}
