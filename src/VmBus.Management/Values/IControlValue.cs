using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>Parameters, a result, or a part of them: a map from names to values.</summary>
/// <typeparam name="T">The type itself.</typeparam>
/// <remarks>
/// Whoever reads takes keys in any order, passes over keys it does not know, and refuses a map without a key it needs; so either side may add
/// keys. Written by hand, because the program is compiled ahead of time. Source: protocol-spec/control.md#values.
/// </remarks>
public interface IControlValue<T>
    where T : IControlValue<T>
{
    /// <summary>Reads one.</summary>
    /// <exception cref="MessagePackSerializationException">It is none.</exception>
    static abstract T Read(ref MessagePackReader reader);

    /// <summary>Writes it.</summary>
    void Write(ref MessagePackWriter writer);
}
