using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>What a key holds.</summary>
/// <param name="Text">Its value; null when there is no such key.</param>
public sealed record ItemReply(string? Text) : IControlValue<ItemReply>
{
    /// <inheritdoc/>
    public static ItemReply Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ItemReply(map.TextOrNull("value"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("value", Text);
    }
}
