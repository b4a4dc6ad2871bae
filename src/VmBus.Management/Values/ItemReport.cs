using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A key-value pair.</summary>
/// <param name="Pool">Its pool.</param>
/// <param name="Key">Its key.</param>
/// <param name="Text">Its value, numbers in digits.</param>
public sealed record ItemReport(string Pool, string Key, string Text) : IControlValue<ItemReport>
{
    /// <inheritdoc/>
    public static ItemReport Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ItemReport(map.Text("pool"), map.Text("key"), map.Text("value"));
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
