using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>The power button was pressed.</summary>
/// <param name="LimitMs">After how long the partition is ended.</param>
public sealed record PowerOffReply(long LimitMs) : IControlValue<PowerOffReply>
{
    /// <inheritdoc/>
    public static PowerOffReply Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new PowerOffReply(map.Int64("limit_ms"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("limit_ms", LimitMs);
    }
}
