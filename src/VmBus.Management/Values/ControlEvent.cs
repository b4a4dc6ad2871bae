using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>Something has happened.</summary>
/// <param name="TimeMs">When: milliseconds since 1970.</param>
/// <param name="Partition">In which partition.</param>
/// <param name="Reason">One word for programs: how the partition ended.</param>
/// <param name="Detail">What there is to say, for people; may come from the guest.</param>
/// <param name="Channel">Which channel.</param>
/// <param name="Device">What the channel is.</param>
/// <param name="Subchannel">Which of the device's channels; 0 for the primary.</param>
public sealed record ControlEvent(
    long TimeMs,
    string Partition,
    string? Reason,
    string? Detail,
    uint? Channel,
    string? Device,
    int? Subchannel) : IControlValue<ControlEvent>
{
    /// <inheritdoc/>
    public static ControlEvent Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ControlEvent(
            map.Int64("time_ms"),
            map.Text("partition"),
            map.TextOrNull("reason"),
            map.TextOrNull("detail"),
            map.UInt32OrNull("channel"),
            map.TextOrNull("device"),
            map.Int32OrNull("subchannel"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(7);
        writer.Pair("time_ms", TimeMs);
        writer.Pair("partition", Partition);
        writer.Pair("reason", Reason);
        writer.Pair("detail", Detail);
        writer.Pair("channel", Channel);
        writer.Pair("device", Device);
        writer.Pair("subchannel", Subchannel);
    }
}
