using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A device to add, in the words of the command line.</summary>
/// <param name="Options">What <c>--disk</c> or <c>--nic</c> of <c>vmbus run</c> takes; the path of a disk is absolute.</param>
public sealed record AddRequest(string Options) : IControlValue<AddRequest>
{
    /// <inheritdoc/>
    public static AddRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new AddRequest(map.Text("options"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("options", Options);
    }
}
