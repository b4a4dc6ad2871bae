using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>How a removal stands.</summary>
/// <param name="Done">Whether the device is closed; else its last work still runs, and it is closed when that ends.</param>
public sealed record RemoveReply(bool Done) : IControlValue<RemoveReply>
{
    /// <inheritdoc/>
    public static RemoveReply Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new RemoveReply(map.Boolean("done"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("done", Done);
    }
}
