using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>First thing a server says.</summary>
/// <param name="Server">Program and version.</param>
/// <param name="Version">The version that both speak from here on: the newest there is.</param>
public sealed record HelloReply(string Server, int Version) : IControlValue<HelloReply>
{
    /// <inheritdoc/>
    public static HelloReply Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new HelloReply(map.Text("server"), map.Int32("version"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(2);
        writer.Pair("server", Server);
        writer.Pair("version", Version);
    }
}
