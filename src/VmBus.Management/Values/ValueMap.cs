using System.Diagnostics.CodeAnalysis;
using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A map that was read: its values by their names.</summary>
/// <remarks>
/// Members throw <see cref="MessagePackSerializationException"/> that names the key when a value is missing or of another kind. Source:
/// protocol-spec/control.md#values.
/// </remarks>
public readonly ref struct ValueMap
{
    /// <summary>Most keys of a map, known or not.</summary>
    public const int MaximumKeys = 64;

    private readonly ReadOnlyMemory<byte> _values;
    private readonly Dictionary<string, int> _offsets;

    private ValueMap(ReadOnlyMemory<byte> values, Dictionary<string, int> offsets)
    {
        _values = values;
        _offsets = offsets;
    }

    /// <summary>Reads a whole map; its values stay in the bytes they are in.</summary>
    public static ValueMap Read(ref MessagePackReader reader)
    {
        int count = reader.ReadMapHeader();
        if (count > MaximumKeys) throw new MessagePackSerializationException($"A map has at most {MaximumKeys} keys.");
        var offsets = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            string key = reader.ReadString() ?? throw new MessagePackSerializationException("A key is text.");
            if (!offsets.TryAdd(key, (int)reader.Consumed)) throw new MessagePackSerializationException($"The key '{Shown(key)}' is there twice.");
            reader.Skip();
        }

        return new ValueMap(reader.Memory, offsets);
    }

    /// <summary>Text.</summary>
    public string Text(string key) => TextOrNull(key) ?? throw Missing(key);

    /// <summary>Text, or null where there is none.</summary>
    public string? TextOrNull(string key)
    {
        if (!TryFind(key, out MessagePackReader reader)) return null;
        try
        {
            return reader.ReadString();
        }
        catch (MessagePackSerializationException exception)
        {
            throw Wrong(key, exception);
        }
    }

    /// <summary>A whole number.</summary>
    public long Int64(string key) => Int64OrNull(key) ?? throw Missing(key);

    /// <summary>A whole number, or null where there is none.</summary>
    public long? Int64OrNull(string key)
    {
        if (!TryFind(key, out MessagePackReader reader)) return null;
        try
        {
            return reader.ReadInt64();
        }
        catch (MessagePackSerializationException exception)
        {
            throw Wrong(key, exception);
        }
    }

    /// <summary>A whole number from 0 to 4294967295.</summary>
    public uint UInt32(string key) => UInt32OrNull(key) ?? throw Missing(key);

    /// <summary>A whole number from 0 to 4294967295, or null where there is none.</summary>
    public uint? UInt32OrNull(string key) => Int64OrNull(key) switch
    {
        null => null,
        >= 0 and <= uint.MaxValue and var value => (uint)value,
        _ => throw new MessagePackSerializationException($"'{key}' is not from 0 to {uint.MaxValue}."),
    };

    /// <summary>A whole number from 0 to 2147483647.</summary>
    public int Int32(string key) => Int32OrNull(key) ?? throw Missing(key);

    /// <summary>A whole number from 0 to 2147483647, or null where there is none.</summary>
    public int? Int32OrNull(string key) => Int64OrNull(key) switch
    {
        null => null,
        >= 0 and <= int.MaxValue and var value => (int)value,
        _ => throw new MessagePackSerializationException($"'{key}' is not from 0 to {int.MaxValue}."),
    };

    /// <summary>True or false.</summary>
    public bool Boolean(string key)
    {
        if (!TryFind(key, out MessagePackReader reader)) throw Missing(key);
        try
        {
            return reader.ReadBoolean();
        }
        catch (MessagePackSerializationException exception)
        {
            throw Wrong(key, exception);
        }
    }

    /// <summary>A list of maps.</summary>
    public IReadOnlyList<T> List<T>(string key)
        where T : IControlValue<T> => ListOrNull<T>(key) ?? throw Missing(key);

    /// <summary>A list of maps, or null where there is none.</summary>
    public IReadOnlyList<T>? ListOrNull<T>(string key)
        where T : IControlValue<T>
    {
        if (!TryFind(key, out MessagePackReader reader)) return null;
        try
        {
            // The list grows with what is read: a count alone allocates nothing.
            var items = new List<T>();
            for (int left = reader.ReadArrayHeader(); left > 0; left--) items.Add(T.Read(ref reader));
            return items;
        }
        catch (MessagePackSerializationException exception)
        {
            throw Wrong(key, exception);
        }
    }

    /// <summary>A list of texts.</summary>
    public IReadOnlyList<string> Texts(string key)
    {
        if (!TryFind(key, out MessagePackReader reader)) throw Missing(key);
        try
        {
            var items = new List<string>();
            for (int left = reader.ReadArrayHeader(); left > 0; left--) items.Add(reader.ReadString() ?? throw new MessagePackSerializationException("It is nil where text is wanted."));
            return items;
        }
        catch (MessagePackSerializationException exception)
        {
            throw Wrong(key, exception);
        }
    }

    /// <summary>A map.</summary>
    public T Map<T>(string key)
        where T : IControlValue<T>
    {
        if (!TryFind(key, out MessagePackReader reader)) throw Missing(key);
        try
        {
            return T.Read(ref reader);
        }
        catch (MessagePackSerializationException exception)
        {
            throw Wrong(key, exception);
        }
    }

    private bool TryFind(string key, [MaybeNullWhen(false)] out MessagePackReader reader)
    {
        reader = default;
        if (!_offsets.TryGetValue(key, out int offset)) return false;
        reader = new MessagePackReader(_values[offset..]);
        return !reader.IsNil;
    }

    private static MessagePackSerializationException Missing(string key) => new($"The key '{key}' is missing.");

    private static MessagePackSerializationException Wrong(string key, MessagePackSerializationException problem) => new($"'{key}': {problem.Message}");

    private static string Shown(string key) => key.Length <= 32 ? key : key[..32] + "…";
}
