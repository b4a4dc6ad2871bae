using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A partition as it stands.</summary>
/// <param name="Name">Its name.</param>
/// <param name="State"><c>running</c> or <c>off</c>.</param>
/// <param name="UptimeMs">How long the machine has run since it was started or last reset.</param>
/// <param name="Bus">The VMBus version agreed with the guest; null while it is not connected.</param>
/// <param name="ClockMs">A clock of the host that only goes forward: the time between two reports.</param>
/// <param name="Channels">The channels in order of their ids.</param>
/// <param name="VirtioDisks">What its virtio disks have done; null when that is not told.</param>
public sealed record PartitionReport(
    string Name,
    string State,
    long UptimeMs,
    string? Bus,
    long ClockMs,
    IReadOnlyList<ChannelReport> Channels,
    IReadOnlyList<VirtioDiskReport>? VirtioDisks) : IControlValue<PartitionReport>
{
    /// <inheritdoc/>
    public static PartitionReport Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new PartitionReport(
            map.Text("name"),
            map.Text("state"),
            map.Int64("uptime_ms"),
            map.TextOrNull("bus"),
            map.Int64("clock_ms"),
            map.List<ChannelReport>("channels"),
            map.ListOrNull<VirtioDiskReport>("virtio_disks"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(7);
        writer.Pair("name", Name);
        writer.Pair("state", State);
        writer.Pair("uptime_ms", UptimeMs);
        writer.Pair("bus", Bus);
        writer.Pair("clock_ms", ClockMs);
        writer.Pair("channels", Channels);
        writer.Pair("virtio_disks", VirtioDisks ?? []);
    }
}
