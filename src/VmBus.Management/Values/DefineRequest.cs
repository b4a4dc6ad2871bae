using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A partition to define.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Definition">The definition: JSON, as the schema describes it.</param>
/// <param name="Replace">Whether a definition that is there is replaced.</param>
public sealed record DefineRequest(string Name, string Definition, bool Replace) : IControlValue<DefineRequest>
{
    /// <inheritdoc/>
    public static DefineRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new DefineRequest(map.Text("name"), map.Text("definition"), map.Boolean("replace"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(3);
        writer.Pair("name", Name);
        writer.Pair("definition", Definition);
        writer.Pair("replace", Replace);
    }
}
