using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>First thing a client says: who it is and which versions of this protocol it speaks.</summary>
/// <param name="Client">Program and version, for logs.</param>
/// <param name="Least">Oldest version it speaks.</param>
/// <param name="Most">Newest version it speaks.</param>
public sealed record HelloRequest(string Client, int Least, int Most) : IControlValue<HelloRequest>
{
    /// <inheritdoc/>
    public static HelloRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new HelloRequest(map.Text("client"), map.Int32("least"), map.Int32("most"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(3);
        writer.Pair("client", Client);
        writer.Pair("least", Least);
        writer.Pair("most", Most);
    }
}
