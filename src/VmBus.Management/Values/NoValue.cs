using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A map without keys: a verb that takes nothing, or gives nothing back.</summary>
public sealed record NoValue : IControlValue<NoValue>
{
    /// <summary>The one there is.</summary>
    public static NoValue Instance { get; } = new();

    /// <inheritdoc/>
    public static NoValue Read(ref MessagePackReader reader)
    {
        _ = ValueMap.Read(ref reader);
        return Instance;
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer) => writer.WriteMapHeader(0);
}
