using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A partition to stop.</summary>
/// <param name="Name">Its name.</param>
/// <param name="LimitMs">After how long it is ended when the guest has not powered off; null for what its definition says.</param>
/// <param name="Wait">Whether the answer comes at its end, or when the guest was asked.</param>
public sealed record StopRequest(string Name, long? LimitMs, bool Wait) : IControlValue<StopRequest>
{
    /// <inheritdoc/>
    public static StopRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new StopRequest(map.Text("name"), map.Int64OrNull("limit_ms"), map.Boolean("wait"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(3);
        writer.Pair("name", Name);
        writer.Pair("limit_ms", LimitMs);
        writer.Pair("wait", Wait);
    }
}
