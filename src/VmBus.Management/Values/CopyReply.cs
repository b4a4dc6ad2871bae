using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>What was copied.</summary>
/// <param name="Bytes">How much.</param>
public sealed record CopyReply(long Bytes) : IControlValue<CopyReply>
{
    /// <inheritdoc/>
    public static CopyReply Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new CopyReply(map.Int64("bytes"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("bytes", Bytes);
    }
}
