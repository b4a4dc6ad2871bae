using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A disk whose size has changed, or not.</summary>
/// <param name="Disk">As it is now.</param>
/// <param name="PreviousBytes">The size it had before.</param>
public sealed record ResizeReply(DiskReport Disk, long PreviousBytes) : IControlValue<ResizeReply>
{
    /// <inheritdoc/>
    public static ResizeReply Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ResizeReply(map.Map<DiskReport>("disk"), map.Int64("previous_bytes"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(2);
        writer.Pair("disk", Disk);
        writer.Pair("previous_bytes", PreviousBytes);
    }
}
