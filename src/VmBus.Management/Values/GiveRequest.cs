using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>Something that is to be opened for a partition and given to it.</summary>
/// <param name="Name">The partition's name.</param>
/// <param name="Device"><c>disk</c>, <c>nic</c> or <c>file</c>.</param>
/// <param name="Options">What <c>--disk</c> or <c>--nic</c> of <c>vmbus run</c> takes, or the path of a file; paths are absolute.</param>
public sealed record GiveRequest(string Name, string Device, string Options) : IControlValue<GiveRequest>
{
    /// <summary>A disk, which <c>disk.add</c> of the worker takes.</summary>
    public const string Disk = "disk";

    /// <summary>A network adapter, which <c>nic.add</c> of the worker takes.</summary>
    public const string Nic = "nic";

    /// <summary>A file to be read, which <c>guest.copy</c> of the worker takes.</summary>
    public const string File = "file";

    /// <inheritdoc/>
    public static GiveRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new GiveRequest(map.Text("name"), map.Text("device"), map.Text("options"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(3);
        writer.Pair("name", Name);
        writer.Pair("device", Device);
        writer.Pair("options", Options);
    }
}
