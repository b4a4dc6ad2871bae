using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>The network adapters of a partition.</summary>
/// <param name="Nics">In the order they came.</param>
public sealed record NicList(IReadOnlyList<NicReport> Nics) : IControlValue<NicList>
{
    /// <inheritdoc/>
    public static NicList Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new NicList(map.List<NicReport>("nics"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("nics", Nics);
    }
}
