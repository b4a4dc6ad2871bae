using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>The disks of a partition.</summary>
/// <param name="Disks">In order of their logical unit numbers.</param>
public sealed record DiskList(IReadOnlyList<DiskReport> Disks) : IControlValue<DiskList>
{
    /// <inheritdoc/>
    public static DiskList Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new DiskList(map.List<DiskReport>("disks"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("disks", Disks);
    }
}
