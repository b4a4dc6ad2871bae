using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>The items of a pool, or of all.</summary>
/// <param name="Items">By pools, each in the guest's order.</param>
public sealed record ItemList(IReadOnlyList<ItemReport> Items) : IControlValue<ItemList>
{
    /// <inheritdoc/>
    public static ItemList Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ItemList(map.List<ItemReport>("items"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("items", Items);
    }
}
