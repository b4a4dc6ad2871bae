using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>Whether the guest is alive.</summary>
/// <param name="State"><c>no-contact</c>, <c>ok</c> or <c>lost-communication</c>.</param>
/// <param name="Applications">What it says of its programs: <c>unknown</c>, <c>healthy</c>, <c>critical</c> or <c>stopped</c>.</param>
/// <param name="Answered">Beats that it answered since the channel was opened.</param>
/// <param name="Missed">Beats that it did not.</param>
/// <param name="SinceAnswerMs">Time since the last answer; null when there was none.</param>
public sealed record HeartbeatReport(
    string State,
    string Applications,
    long Answered,
    long Missed,
    long? SinceAnswerMs) : IControlValue<HeartbeatReport>
{
    /// <inheritdoc/>
    public static HeartbeatReport Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new HeartbeatReport(
            map.Text("state"),
            map.Text("applications"),
            map.Int64("answered"),
            map.Int64("missed"),
            map.Int64OrNull("since_answer_ms"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(5);
        writer.Pair("state", State);
        writer.Pair("applications", Applications);
        writer.Pair("answered", Answered);
        writer.Pair("missed", Missed);
        writer.Pair("since_answer_ms", SinceAnswerMs);
    }
}
