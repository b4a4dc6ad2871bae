using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>The defined partitions.</summary>
/// <param name="Partitions">In the order of their names.</param>
/// <param name="Problems">What is wrong with files that have given no partition, a line each.</param>
public sealed record PartitionStatusList(IReadOnlyList<PartitionStatus> Partitions, IReadOnlyList<string> Problems) : IControlValue<PartitionStatusList>
{
    /// <inheritdoc/>
    public static PartitionStatusList Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new PartitionStatusList(map.List<PartitionStatus>("partitions"), map.Texts("problems"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(2);
        writer.Pair("partitions", Partitions);
        writer.Pair("problems", Problems);
    }
}
