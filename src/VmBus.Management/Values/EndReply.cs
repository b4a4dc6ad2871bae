using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>How a partition has ended.</summary>
/// <param name="Reason">A reason of <c>partition.ended</c>; null when its end was not waited for.</param>
/// <param name="Detail">What there is to say, for people.</param>
public sealed record EndReply(string? Reason, string? Detail) : IControlValue<EndReply>
{
    /// <inheritdoc/>
    public static EndReply Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new EndReply(map.TextOrNull("reason"), map.TextOrNull("detail"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(2);
        writer.Pair("reason", Reason);
        writer.Pair("detail", Detail);
    }
}
