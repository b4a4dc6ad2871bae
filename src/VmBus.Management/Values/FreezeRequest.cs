using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>How long file systems may rest.</summary>
/// <param name="LimitMs">They are thawed by themselves after this time.</param>
public sealed record FreezeRequest(long LimitMs) : IControlValue<FreezeRequest>
{
    /// <inheritdoc/>
    public static FreezeRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new FreezeRequest(map.Int64("limit_ms"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("limit_ms", LimitMs);
    }
}
