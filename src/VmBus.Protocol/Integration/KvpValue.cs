using System.Globalization;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Integration;

/// <summary>Operations of the key-value exchange. Source: protocol-spec/integration-data.md#key-value-operations.</summary>
public enum KvpOperation : byte
{
    /// <summary>Read one item.</summary>
    Get = 0,

    /// <summary>Add or replace one item.</summary>
    Set = 1,

    /// <summary>Remove one item.</summary>
    Delete = 2,

    /// <summary>Read the item at an index.</summary>
    Enumerate = 3,

    /// <summary>Read a network adapter's addresses.</summary>
    GetAddresses = 4,

    /// <summary>Set a network adapter's addresses.</summary>
    SetAddresses = 5,
}

/// <summary>Where items are kept in the guest. Source: protocol-spec/integration-data.md#pools.</summary>
public enum KvpPool : byte
{
    /// <summary>Written by people at the host.</summary>
    External = 0,

    /// <summary>Written by programs in the guest.</summary>
    Guest = 1,

    /// <summary>What the guest tells of itself.</summary>
    Auto = 2,

    /// <summary>What the host tells of itself.</summary>
    AutoExternal = 3,

    /// <summary>The guest's own; nothing of it is exchanged.</summary>
    AutoInternal = 4,
}

/// <summary>Types of values. Source: protocol-spec/integration-data.md#value-types.</summary>
public enum KvpValueType : uint
{
    /// <summary>Text.</summary>
    Text = 1,

    /// <summary>Text with names of environment variables in it.</summary>
    ExpandableText = 2,

    /// <summary>A number of 4 bytes.</summary>
    UInt32 = 4,

    /// <summary>A number of 8 bytes.</summary>
    UInt64 = 11,
}

/// <summary>An item as it is on the wire, 2572 bytes.</summary>
/// <param name="Key">Its name; fewer than 256 characters.</param>
/// <param name="Text">Its value; numbers in decimal; fewer than 1024 characters.</param>
/// <remarks>
/// [0) type u32 · [4) key bytes u32 · [8) value bytes u32 · [12) key 512 bytes · [524) value 2048 bytes; text is UTF-16, the byte counts include a
/// NUL. Source: protocol-spec/integration-data.md#value.
/// </remarks>
public readonly record struct KvpValue(string Key, string Text)
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 2572;

    /// <summary>Bytes of the field of the key.</summary>
    public const int KeyFieldBytes = 512;

    /// <summary>Bytes of the field of the value.</summary>
    public const int ValueFieldBytes = 2048;

    private const int KeyOffset = 12;
    private const int ValueOffset = KeyOffset + KeyFieldBytes;

    /// <summary>Whether key and value fit their fields.</summary>
    public bool Fits => WideText.Fits(Key, KeyFieldBytes) && WideText.Fits(Text, ValueFieldBytes);

    /// <summary>False when short, when a byte count is odd or larger than its field, or the type is not known. A missing NUL does no harm. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out KvpValue value)
    {
        value = default;
        if (source.Length < Size) return false;
        uint keyBytes = ReadUInt32LittleEndian(source[4..]);
        uint valueBytes = ReadUInt32LittleEndian(source[8..]);
        if (keyBytes > KeyFieldBytes || keyBytes % 2 != 0 || valueBytes > ValueFieldBytes) return false;
        ReadOnlySpan<byte> bytes = source.Slice(ValueOffset, (int)valueBytes);
        string? text = (KvpValueType)ReadUInt32LittleEndian(source) switch
        {
            KvpValueType.Text or KvpValueType.ExpandableText when bytes.Length % 2 == 0 => WideText.Read(bytes),
            KvpValueType.UInt32 when bytes.Length >= sizeof(uint) => ReadUInt32LittleEndian(bytes).ToString(CultureInfo.InvariantCulture),
            KvpValueType.UInt64 when bytes.Length >= sizeof(ulong) => ReadUInt64LittleEndian(bytes).ToString(CultureInfo.InvariantCulture),
            _ => null,
        };
        if (text is null) return false;
        value = new(WideText.Read(source.Slice(KeyOffset, (int)keyBytes)), text);
        return true;
    }

    /// <summary>Writes the item as text into zeros. It must fit.</summary>
    public void Write(Span<byte> destination)
    {
        WriteUInt32LittleEndian(destination, (uint)KvpValueType.Text);
        WriteUInt32LittleEndian(destination[4..], (uint)WideText.Write(destination.Slice(KeyOffset, KeyFieldBytes), Key));
        WriteUInt32LittleEndian(destination[8..], (uint)WideText.Write(destination.Slice(ValueOffset, ValueFieldBytes), Text));
    }
}
