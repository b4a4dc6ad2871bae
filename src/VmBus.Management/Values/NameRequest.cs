using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>Which partition.</summary>
/// <param name="Name">Its name.</param>
public sealed record NameRequest(string Name) : IControlValue<NameRequest>
{
    /// <inheritdoc/>
    public static NameRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new NameRequest(map.Text("name"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("name", Name);
    }
}
