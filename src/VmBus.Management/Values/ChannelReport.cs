using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A channel, and what it has done since it was opened. What is not counted there is null.</summary>
/// <param name="Id">Its number (relid).</param>
/// <param name="Type">Interface type, a GUID.</param>
/// <param name="Instance">Interface instance, a GUID.</param>
/// <param name="Device">What it is: <c>scsi</c>, <c>network</c>, or <c>other</c>.</param>
/// <param name="Subchannel">0 for the primary channel.</param>
/// <param name="State">Its state, as protocol-spec/channel.md names it.</param>
/// <param name="Processor">Where its interrupts go; null when it is not open.</param>
/// <param name="Lane">The lane that serves it; null when it is not open.</param>
/// <param name="PacketsIn">Packets taken from the guest.</param>
/// <param name="PacketsOut">Packets sent to the guest.</param>
/// <param name="Kicks">Times that the guest's signals woke the lane.</param>
/// <param name="Interrupts">Interrupts raised.</param>
/// <param name="Operations">Commands started, or frames of both directions.</param>
/// <param name="BytesIn">Bytes of data from the guest: written, or sent.</param>
/// <param name="BytesOut">Bytes of data to the guest: read, or received.</param>
/// <param name="RingIn">Bytes that wait in the ring from the guest now.</param>
/// <param name="RingInSize">Size of that ring.</param>
/// <param name="RingOut">Bytes that wait in the ring to the guest now.</param>
/// <param name="RingOutSize">Size of that ring.</param>
/// <param name="Timed">Operations that have ended, where their time is taken.</param>
/// <param name="TimedUs">The sum of their times.</param>
public sealed record ChannelReport(
    uint Id,
    string Type,
    string Instance,
    string Device,
    int Subchannel,
    string State,
    uint? Processor,
    string? Lane,
    long PacketsIn,
    long PacketsOut,
    long Kicks,
    long Interrupts,
    long? Operations,
    long? BytesIn,
    long? BytesOut,
    long? RingIn,
    long? RingInSize,
    long? RingOut,
    long? RingOutSize,
    long? Timed,
    long? TimedUs) : IControlValue<ChannelReport>
{
    /// <inheritdoc/>
    public static ChannelReport Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ChannelReport(
            map.UInt32("id"),
            map.Text("type"),
            map.Text("instance"),
            map.Text("device"),
            map.Int32("subchannel"),
            map.Text("state"),
            map.UInt32OrNull("processor"),
            map.TextOrNull("lane"),
            map.Int64("packets_in"),
            map.Int64("packets_out"),
            map.Int64("kicks"),
            map.Int64("interrupts"),
            map.Int64OrNull("operations"),
            map.Int64OrNull("bytes_in"),
            map.Int64OrNull("bytes_out"),
            map.Int64OrNull("ring_in"),
            map.Int64OrNull("ring_in_size"),
            map.Int64OrNull("ring_out"),
            map.Int64OrNull("ring_out_size"),
            map.Int64OrNull("timed"),
            map.Int64OrNull("timed_us"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(21);
        writer.Pair("id", Id);
        writer.Pair("type", Type);
        writer.Pair("instance", Instance);
        writer.Pair("device", Device);
        writer.Pair("subchannel", Subchannel);
        writer.Pair("state", State);
        writer.Pair("processor", Processor);
        writer.Pair("lane", Lane);
        writer.Pair("packets_in", PacketsIn);
        writer.Pair("packets_out", PacketsOut);
        writer.Pair("kicks", Kicks);
        writer.Pair("interrupts", Interrupts);
        writer.Pair("operations", Operations);
        writer.Pair("bytes_in", BytesIn);
        writer.Pair("bytes_out", BytesOut);
        writer.Pair("ring_in", RingIn);
        writer.Pair("ring_in_size", RingInSize);
        writer.Pair("ring_out", RingOut);
        writer.Pair("ring_out_size", RingOutSize);
        writer.Pair("timed", Timed);
        writer.Pair("timed_us", TimedUs);
    }
}
