using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>What the definition files have given.</summary>
/// <param name="Partitions">How many partitions are defined.</param>
/// <param name="Problems">What is wrong with the files, a line each.</param>
public sealed record ReloadReply(long Partitions, IReadOnlyList<string> Problems) : IControlValue<ReloadReply>
{
    /// <inheritdoc/>
    public static ReloadReply Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ReloadReply(map.Int64("partitions"), map.Texts("problems"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(2);
        writer.Pair("partitions", Partitions);
        writer.Pair("problems", Problems);
    }
}
