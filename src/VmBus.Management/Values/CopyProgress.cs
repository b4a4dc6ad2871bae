using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>How a copy into the guest stands. Both are null when no file is being copied.</summary>
/// <param name="Copied">Bytes that are there.</param>
/// <param name="Bytes">Bytes of the file.</param>
public sealed record CopyProgress(long? Copied, long? Bytes) : IControlValue<CopyProgress>
{
    /// <inheritdoc/>
    public static CopyProgress Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new CopyProgress(map.Int64OrNull("copied"), map.Int64OrNull("bytes"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(2);
        writer.Pair("copied", Copied);
        writer.Pair("bytes", Bytes);
    }
}
