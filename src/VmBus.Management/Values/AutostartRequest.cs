using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>Whether a partition is started with the service.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Enabled">Whether it is.</param>
public sealed record AutostartRequest(string Name, bool Enabled) : IControlValue<AutostartRequest>
{
    /// <inheritdoc/>
    public static AutostartRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new AutostartRequest(map.Text("name"), map.Boolean("enabled"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(2);
        writer.Pair("name", Name);
        writer.Pair("enabled", Enabled);
    }
}
