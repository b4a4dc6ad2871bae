using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A partition's definition.</summary>
/// <param name="Definition">The text of its file.</param>
public sealed record DefinitionReply(string Definition) : IControlValue<DefinitionReply>
{
    /// <inheritdoc/>
    public static DefinitionReply Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new DefinitionReply(map.Text("definition"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("definition", Definition);
    }
}
