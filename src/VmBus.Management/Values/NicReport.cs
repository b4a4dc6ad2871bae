using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A network adapter of a partition, and what it has done since it was added.</summary>
/// <param name="Id">Its name in the partition.</param>
/// <param name="Link">Where its frames go, as <c>--nic</c> names it.</param>
/// <param name="Address">Its Ethernet address.</param>
/// <param name="State"><c>opening</c>, <c>attached</c> or <c>removing</c>.</param>
/// <param name="Up">Whether somebody is at the other end of the link.</param>
/// <param name="Traffic">Over all its queues.</param>
/// <param name="Queues">The queues that are open now.</param>
public sealed record NicReport(
    string Id,
    string Link,
    string Address,
    string State,
    bool Up,
    NicTraffic Traffic,
    IReadOnlyList<NicQueueReport> Queues) : IControlValue<NicReport>
{
    /// <inheritdoc/>
    public static NicReport Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new NicReport(
            map.Text("id"),
            map.Text("link"),
            map.Text("address"),
            map.Text("state"),
            map.Boolean("up"),
            map.Map<NicTraffic>("traffic"),
            map.List<NicQueueReport>("queues"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(7);
        writer.Pair("id", Id);
        writer.Pair("link", Link);
        writer.Pair("address", Address);
        writer.Pair("state", State);
        writer.Pair("up", Up);
        writer.Pair("traffic", Traffic);
        writer.Pair("queues", Queues);
    }
}
