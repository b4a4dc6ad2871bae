using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A pool of key-value pairs, or all.</summary>
/// <param name="Pool"><c>external</c>, <c>guest</c>, <c>auto</c> or <c>auto-external</c>; null for all of them, in this order.</param>
public sealed record PoolRequest(string? Pool) : IControlValue<PoolRequest>
{
    /// <inheritdoc/>
    public static PoolRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new PoolRequest(map.TextOrNull("pool"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("pool", Pool);
    }
}
