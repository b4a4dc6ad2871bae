using System.Globalization;
using System.Text;
using VmBus.Management.Values;

namespace VmBus.Cli.Text;

/// <summary>Network adapters in words.</summary>
internal static class NicText
{
    /// <summary>A line for each adapter, one for all that it has done, and one for each of its queues.</summary>
    public static string List(IReadOnlyList<NicReport> nics)
    {
        if (nics.Count == 0) return "no network adapters\n";
        var text = new StringBuilder();
        foreach (NicReport nic in nics)
        {
            string state = nic.State == "attached" ? nic.Up ? "link up" : "link down" : nic.State;
            text.Append(CultureInfo.InvariantCulture, $"{nic.Id}: {nic.Link}, {nic.Address}, {state}\n");
            Append(text, "in all", nic.Traffic, null);
            foreach (NicQueueReport queue in nic.Queues)
                Append(text, string.Create(CultureInfo.InvariantCulture, $"queue {queue.Index}"), queue.Traffic, queue);
        }

        return text.ToString();
    }

    // Only the drops that there were: the names of the reasons are long. The link's reasons are parts of what the adapter counts as dropped.
    private static void Append(StringBuilder text, string what, NicTraffic traffic, NicQueueReport? link)
    {
        text.Append(
            CultureInfo.InvariantCulture,
            $"  {what,-8}  sent {traffic.FramesSent} frames {traffic.BytesSent} bytes, received {traffic.FramesReceived} frames {traffic.BytesReceived} bytes");
        Part(text, traffic.SendDropped, "sent and dropped");
        Part(text, traffic.ReceiveDropped, "dropped as the guest takes none");
        Part(text, traffic.Refused, "refused as malformed");
        Part(text, link?.LinkFull ?? 0, "dropped as the link is full");
        Part(text, link?.LinkFailed ?? 0, "dropped as the link failed");
        Part(text, link?.Filtered ?? 0, "filtered out");
        Part(text, link?.TooLong ?? 0, "dropped as too long");
        text.Append('\n');
    }

    private static void Part(StringBuilder text, long count, string reason)
    {
        if (count != 0) text.Append(CultureInfo.InvariantCulture, $", {count} {reason}");
    }
}
