using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>How much memory the guest is to have.</summary>
/// <param name="Bytes">All that it has, in bytes.</param>
public sealed record MemoryRequest(long Bytes) : IControlValue<MemoryRequest>
{
    /// <inheritdoc/>
    public static MemoryRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new MemoryRequest(map.Int64("bytes"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("bytes", Bytes);
    }
}
