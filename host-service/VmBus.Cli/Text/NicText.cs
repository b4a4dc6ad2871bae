using System.Globalization;
using System.Text;
using VmBus.Host;
using VmBus.Network.Links;
using VmBus.Providers.Network;

namespace VmBus.Cli.Monitor;

/// <summary>The answer to <c>nic list</c>.</summary>
internal static class NicReport
{
    /// <summary>A line for each adapter, one for all that it has done, and one for each of its queues.</summary>
    public static string Write(IReadOnlyList<NicInfo> nics)
    {
        if (nics.Count == 0) return "no network adapters\n";
        var text = new StringBuilder();
        foreach (NicInfo nic in nics)
        {
            string state = nic.State switch
            {
                NicState.Opening => "opening",
                NicState.Removing => "removing",
                NicState.Attached => nic.IsUp ? "link up" : "link down",
            };
            text.Append(CultureInfo.InvariantCulture, $"{nic.Id}: {nic.Link}, {nic.Address}, {state}\n");
            Append(text, "in all", nic.Counters, null);
            foreach (NetworkQueueInfo queue in nic.Queues)
                Append(text, string.Create(CultureInfo.InvariantCulture, $"queue {queue.Index}"), queue.Counters, queue.Link);
        }

        return text.ToString();
    }

    // Only the drops that there were: the names of the reasons are long. The link's reasons are parts of what the adapter counts as dropped.
    private static void Append(StringBuilder text, string what, in NetworkCounters counters, LinkQueueCounters? link)
    {
        text.Append(
            CultureInfo.InvariantCulture,
            $"  {what,-8}  sent {counters.FramesSent} frames {counters.BytesSent} bytes, received {counters.FramesReceived} frames {counters.BytesReceived} bytes");
        Part(text, counters.SendDropped, "sent and dropped");
        Part(text, counters.ReceiveDropped, "dropped as the guest takes none");
        Part(text, counters.Refused, "refused as malformed");
        Part(text, link?.SendQueueFull ?? 0, "dropped as the link is full");
        Part(text, link?.SendFailed ?? 0, "dropped as the link failed");
        Part(text, link?.ReceiveFiltered ?? 0, "filtered out");
        Part(text, link?.ReceiveTooLong ?? 0, "dropped as too long");
        text.Append('\n');
    }

    private static void Part(StringBuilder text, long count, string reason)
    {
        if (count != 0) text.Append(CultureInfo.InvariantCulture, $", {count} {reason}");
    }
}
