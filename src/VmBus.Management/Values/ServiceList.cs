using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>The integration services of a partition.</summary>
/// <param name="Services">In the order that the guest is offered them.</param>
public sealed record ServiceList(IReadOnlyList<ServiceReport> Services) : IControlValue<ServiceList>
{
    /// <inheritdoc/>
    public static ServiceList Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ServiceList(map.List<ServiceReport>("services"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("services", Services);
    }
}
