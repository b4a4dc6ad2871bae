using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>An integration service.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Contact">How it stands with the guest: <c>no-driver</c>, <c>negotiating</c>, <c>ready</c> or <c>incompatible</c>.</param>
/// <param name="Version">The message version agreed on; null until then.</param>
public sealed record ServiceReport(string Name, string Contact, string? Version) : IControlValue<ServiceReport>
{
    /// <inheritdoc/>
    public static ServiceReport Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ServiceReport(map.Text("name"), map.Text("contact"), map.TextOrNull("version"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(3);
        writer.Pair("name", Name);
        writer.Pair("contact", Contact);
        writer.Pair("version", Version);
    }
}
