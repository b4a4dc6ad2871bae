using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A disk of a partition.</summary>
/// <param name="Id">Its name in the partition.</param>
/// <param name="Lun">Its number on its bus: the logical unit number, or the virtio device's.</param>
/// <param name="Path">The image or block device.</param>
/// <param name="Format">Format of the image, as <c>--disk</c> names it.</param>
/// <param name="ReadOnly">Whether writes are refused.</param>
/// <param name="State"><c>opening</c>, <c>attached</c> or <c>removing</c>.</param>
/// <param name="Bytes">Its size as the guest is told it.</param>
/// <param name="Bus"><c>vmbus</c> or <c>virtio</c>.</param>
public sealed record DiskReport(string Id, int Lun, string Path, string Format, bool ReadOnly, string State, long Bytes, string Bus) : IControlValue<DiskReport>
{
    /// <inheritdoc/>
    public static DiskReport Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new DiskReport(
            map.Text("id"),
            map.Int32("lun"),
            map.Text("path"),
            map.Text("format"),
            map.Boolean("read_only"),
            map.Text("state"),
            map.Int64("bytes"),
            map.Text("bus"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(8);
        writer.Pair("id", Id);
        writer.Pair("lun", Lun);
        writer.Pair("path", Path);
        writer.Pair("format", Format);
        writer.Pair("read_only", ReadOnly);
        writer.Pair("state", State);
        writer.Pair("bytes", Bytes);
        writer.Pair("bus", Bus);
    }
}
