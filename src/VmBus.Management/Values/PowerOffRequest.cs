using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>The power button is pressed.</summary>
/// <param name="LimitMs">After how long the partition is ended when the guest has not powered off; null for what it was started with.</param>
public sealed record PowerOffRequest(long? LimitMs) : IControlValue<PowerOffRequest>
{
    /// <inheritdoc/>
    public static PowerOffRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new PowerOffRequest(map.Int64OrNull("limit_ms"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("limit_ms", LimitMs);
    }
}
