using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A device to remove.</summary>
/// <param name="Id">Its name in the partition.</param>
public sealed record RemoveRequest(string Id) : IControlValue<RemoveRequest>
{
    /// <inheritdoc/>
    public static RemoveRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new RemoveRequest(map.Text("id"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("id", Id);
    }
}
