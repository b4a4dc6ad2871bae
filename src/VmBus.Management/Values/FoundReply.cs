using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>Whether there was something to remove.</summary>
/// <param name="Found">Whether there was.</param>
public sealed record FoundReply(bool Found) : IControlValue<FoundReply>
{
    /// <inheritdoc/>
    public static FoundReply Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new FoundReply(map.Boolean("found"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("found", Found);
    }
}
