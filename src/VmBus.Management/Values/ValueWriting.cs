using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>Writes the pairs of a map; whoever calls has written the map's header.</summary>
public static class ValueWriting
{
    /// <summary>Text, or nil.</summary>
    public static void Pair(this ref MessagePackWriter writer, string key, string? value)
    {
        writer.Write(key);
        writer.Write(value);
    }

    /// <summary>A whole number.</summary>
    public static void Pair(this ref MessagePackWriter writer, string key, long value)
    {
        writer.Write(key);
        writer.Write(value);
    }

    /// <summary>A whole number, or nil.</summary>
    public static void Pair(this ref MessagePackWriter writer, string key, long? value)
    {
        writer.Write(key);
        if (value is { } number) writer.Write(number);
        else writer.WriteNil();
    }

    /// <summary>True or false.</summary>
    public static void Pair(this ref MessagePackWriter writer, string key, bool value)
    {
        writer.Write(key);
        writer.Write(value);
    }

    /// <summary>A list of texts.</summary>
    public static void Pair(this ref MessagePackWriter writer, string key, IReadOnlyList<string> values)
    {
        writer.Write(key);
        writer.WriteArrayHeader(values.Count);
        foreach (string value in values) writer.Write(value);
    }

    /// <summary>A map.</summary>
    public static void Pair<T>(this ref MessagePackWriter writer, string key, T value)
        where T : IControlValue<T>
    {
        writer.Write(key);
        value.Write(ref writer);
    }

    /// <summary>A list of maps.</summary>
    public static void Pair<T>(this ref MessagePackWriter writer, string key, IReadOnlyList<T> values)
        where T : IControlValue<T>
    {
        writer.Write(key);
        writer.WriteArrayHeader(values.Count);
        foreach (T value in values) value.Write(ref writer);
    }
}
