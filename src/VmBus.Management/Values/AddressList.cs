using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>The addresses of all network adapters.</summary>
/// <param name="Adapters">In the order they came.</param>
public sealed record AddressList(IReadOnlyList<AddressReport> Adapters) : IControlValue<AddressList>
{
    /// <inheritdoc/>
    public static AddressList Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new AddressList(map.List<AddressReport>("adapters"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("adapters", Adapters);
    }
}
