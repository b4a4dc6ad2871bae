using System.Globalization;

namespace VmBus.TestKit.SpecTables;

/// <summary>A markdown table: named columns, rows of cells without their markup.</summary>
public sealed class SpecTable
{
    private readonly string[] _columns;
    private readonly string[][] _rows;

    /// <summary>A table of the page and anchor <paramref name="source"/>.</summary>
    public SpecTable(string source, IEnumerable<string> columns, IEnumerable<string[]> rows)
    {
        Source = source;
        _columns = [.. columns.Select(column => column.ToLower(CultureInfo.InvariantCulture))];
        _rows = [.. rows];
        foreach (string[] row in _rows)
        {
            if (row.Length != _columns.Length)
                throw new InvalidDataException($"{source}: '{string.Join(" | ", row)}' has {row.Length} cells, the head {_columns.Length}.");
        }
    }

    /// <summary>Page and anchor, for messages.</summary>
    public string Source { get; }

    /// <summary>Number of rows.</summary>
    public int RowCount => _rows.Length;

    /// <summary>Whether there is a column of this name (any case).</summary>
    public bool HasColumn(string column) => Array.IndexOf(_columns, column.ToLower(CultureInfo.InvariantCulture)) >= 0;

    /// <summary>The text of a cell.</summary>
    public string Cell(int row, string column)
    {
        int index = Array.IndexOf(_columns, column.ToLower(CultureInfo.InvariantCulture));
        return index >= 0 ? _rows[row][index] : throw new InvalidDataException($"{Source} has no column '{column}'.");
    }

    /// <summary>The number in a cell.</summary>
    /// <exception cref="InvalidDataException">The cell holds no number.</exception>
    public ulong Number(int row, string column)
        => TryNumber(Cell(row, column), out ulong value)
            ? value
            : throw new InvalidDataException($"{Source}, row {row + 1}: '{Cell(row, column)}' in column '{column}' is not a number.");

    /// <summary>Reads a decimal or 0x number; digits may be grouped by '_' or spaces.</summary>
    public static bool TryNumber(string text, out ulong value)
    {
        string digits = text.Replace("_", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal);
        return digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(digits.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            : ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>Letters and digits of a name in lower case, so that "Write index" and <c>WriteIndex</c> are the same.</summary>
    public static string Key(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLower(CultureInfo.InvariantCulture);
}
