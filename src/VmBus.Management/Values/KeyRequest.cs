using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A key of a pool.</summary>
/// <param name="Pool">Which pool, as <see cref="PoolRequest"/> says; null for the first that has the key.</param>
/// <param name="Key">The key.</param>
public sealed record KeyRequest(string? Pool, string Key) : IControlValue<KeyRequest>
{
    /// <inheritdoc/>
    public static KeyRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new KeyRequest(map.TextOrNull("pool"), map.Text("key"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(2);
        writer.Pair("pool", Pool);
        writer.Pair("key", Key);
    }
}
