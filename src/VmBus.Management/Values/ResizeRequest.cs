using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A disk whose size changes.</summary>
/// <param name="Id">Its name in the partition.</param>
/// <param name="Bytes">Grow the file to this size first; null when it has been enlarged already.</param>
public sealed record ResizeRequest(string Id, long? Bytes) : IControlValue<ResizeRequest>
{
    /// <inheritdoc/>
    public static ResizeRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ResizeRequest(map.Text("id"), map.Int64OrNull("bytes"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(2);
        writer.Pair("id", Id);
        writer.Pair("bytes", Bytes);
    }
}
