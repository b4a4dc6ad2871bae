using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>An item to add or replace.</summary>
/// <param name="Pool">Which pool, as <see cref="PoolRequest"/> says.</param>
/// <param name="Key">Its key.</param>
/// <param name="Text">Its value.</param>
public sealed record ItemRequest(string Pool, string Key, string Text) : IControlValue<ItemRequest>
{
    /// <inheritdoc/>
    public static ItemRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ItemRequest(map.Text("pool"), map.Text("key"), map.Text("value"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(3);
        writer.Pair("pool", Pool);
        writer.Pair("key", Key);
        writer.Pair("value", Text);
    }
}
