namespace VmBus.TestKit.SpecTables;

/// <summary>One row of a layout table.</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Bytes">Length, or null where the page says that it varies.</param>
/// <param name="Name">As the page writes it.</param>
public readonly record struct SpecField(int Offset, int? Bytes, string Name);

/// <summary>A layout table: where each field of a message lies. Little-endian.</summary>
public sealed class SpecLayout
{
    private readonly string _source;

    private SpecLayout(string source, IReadOnlyList<SpecField> fields)
    {
        _source = source;
        Fields = fields;
    }

    /// <summary>The fields in the order of the page.</summary>
    public IReadOnlyList<SpecField> Fields { get; }

    /// <summary>End of the last field of fixed length: the size of the fixed part.</summary>
    public int Bytes => Fields.Max(row => row.Offset + (row.Bytes ?? 0));

    /// <summary>Reads a table with the columns offset, size and field. A size that is not a number means that it varies.</summary>
    /// <exception cref="InvalidDataException">Fields overlap, leave a gap, or go backwards: pages name reserved bytes too.</exception>
    public static SpecLayout From(SpecTable table)
    {
        var fields = new List<SpecField>();
        int? end = 0;
        for (int row = 0; row < table.RowCount; row++)
        {
            int offset = (int)table.Number(row, "offset");
            int? bytes = SpecTable.TryNumber(table.Cell(row, "size"), out ulong size) ? (int)size : null;
            string name = table.Cell(row, "field");
            if (end is { } expected && offset != expected)
                throw new InvalidDataException($"{table.Source}: '{name}' is at {offset}, the field before it ends at {expected}.");
            end = offset + bytes;
            fields.Add(new SpecField(offset, bytes, name));
        }

        return new SpecLayout(table.Source, fields);
    }

    /// <summary>The field of this name; case, spaces and punctuation do not matter.</summary>
    public SpecField Field(string name)
    {
        string key = SpecTable.Key(name);
        foreach (SpecField field in Fields)
        {
            if (string.Equals(SpecTable.Key(field.Name), key, StringComparison.Ordinal)) return field;
        }

        throw new InvalidDataException($"{_source} has no field '{name}'.");
    }

    /// <summary>Offset of a field.</summary>
    public int Offset(string name) => Field(name).Offset;

    /// <summary>Length of a field of fixed length.</summary>
    public int Size(string name) => Field(name).Bytes ?? throw new InvalidDataException($"{_source}: the length of '{name}' varies.");

    /// <summary>The little-endian number that a message has in a field of 1 to 8 bytes, read by the page alone.</summary>
    public ulong Read(ReadOnlySpan<byte> message, string name)
    {
        ulong value = 0;
        ReadOnlySpan<byte> bytes = Slice(message, name);
        for (int i = bytes.Length - 1; i >= 0; i--) value = (value << 8) | bytes[i];
        return value;
    }

    /// <summary>Writes a little-endian number into a field, by the page alone.</summary>
    public void Write(Span<byte> message, string name, ulong value)
    {
        for (int i = 0; i < Size(name); i++) message[Offset(name) + i] = (byte)(value >> (8 * i));
    }

    /// <summary>The bytes of a field of fixed length.</summary>
    public ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> message, string name) => message.Slice(Offset(name), Size(name));
}
