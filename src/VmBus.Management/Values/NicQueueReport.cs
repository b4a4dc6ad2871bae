using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A queue of a network adapter since it was opened.</summary>
/// <param name="Index">Its number.</param>
/// <param name="Traffic">Between the guest and the adapter.</param>
/// <param name="LinkFull">Frames dropped because the link is full.</param>
/// <param name="LinkFailed">Frames dropped because the link failed.</param>
/// <param name="Filtered">Frames filtered out.</param>
/// <param name="TooLong">Frames dropped because they are too long.</param>
public sealed record NicQueueReport(int Index, NicTraffic Traffic, long LinkFull, long LinkFailed, long Filtered, long TooLong) : IControlValue<NicQueueReport>
{
    /// <inheritdoc/>
    public static NicQueueReport Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new NicQueueReport(
            map.Int32("index"),
            map.Map<NicTraffic>("traffic"),
            map.Int64("link_full"),
            map.Int64("link_failed"),
            map.Int64("filtered"),
            map.Int64("too_long"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(6);
        writer.Pair("index", Index);
        writer.Pair("traffic", Traffic);
        writer.Pair("link_full", LinkFull);
        writer.Pair("link_failed", LinkFailed);
        writer.Pair("filtered", Filtered);
        writer.Pair("too_long", TooLong);
    }
}
