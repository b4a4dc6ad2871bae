using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A defined partition, as the service sees it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="State"><c>off</c>, <c>starting</c>, <c>running</c>, <c>stopping</c>, or <c>restarting</c> while a restart is waited for.</param>
/// <param name="Process">The worker's process id; null when there is none.</param>
/// <param name="Control">The worker's control socket; null when there is no worker.</param>
/// <param name="StartedMs">When the worker was started: milliseconds since 1970; null when there is none.</param>
/// <param name="Processors">Virtual processors, by its definition.</param>
/// <param name="Memory">What it starts with, and behind <c>,max=</c> what it may have at most, by its definition.</param>
/// <param name="Restart">What follows an end that nobody asked for: <c>never</c>, <c>on-crash</c> or <c>always</c>.</param>
/// <param name="Autostart">Whether it is started with the service.</param>
/// <param name="Changed">Whether it runs by an older definition than the one there is now.</param>
/// <param name="EndReason">How it ended the last time since the service began: a reason of <c>partition.ended</c>; null when it has not.</param>
/// <param name="EndDetail">What there is to say about that, for people; may come from the guest.</param>
/// <param name="EndMs">When that was.</param>
/// <param name="Problem">What is wrong with its definition file; the last good definition stays in force.</param>
public sealed record PartitionStatus(
    string Name,
    string State,
    long? Process,
    string? Control,
    long? StartedMs,
    long Processors,
    string Memory,
    string Restart,
    bool Autostart,
    bool Changed,
    string? EndReason,
    string? EndDetail,
    long? EndMs,
    string? Problem) : IControlValue<PartitionStatus>
{
    /// <inheritdoc/>
    public static PartitionStatus Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new PartitionStatus(
            map.Text("name"),
            map.Text("state"),
            map.Int64OrNull("process"),
            map.TextOrNull("control"),
            map.Int64OrNull("started_ms"),
            map.Int64("processors"),
            map.Text("memory"),
            map.Text("restart"),
            map.Boolean("autostart"),
            map.Boolean("changed"),
            map.TextOrNull("end_reason"),
            map.TextOrNull("end_detail"),
            map.Int64OrNull("end_ms"),
            map.TextOrNull("problem"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(14);
        writer.Pair("name", Name);
        writer.Pair("state", State);
        writer.Pair("process", Process);
        writer.Pair("control", Control);
        writer.Pair("started_ms", StartedMs);
        writer.Pair("processors", Processors);
        writer.Pair("memory", Memory);
        writer.Pair("restart", Restart);
        writer.Pair("autostart", Autostart);
        writer.Pair("changed", Changed);
        writer.Pair("end_reason", EndReason);
        writer.Pair("end_detail", EndDetail);
        writer.Pair("end_ms", EndMs);
        writer.Pair("problem", Problem);
    }
}
