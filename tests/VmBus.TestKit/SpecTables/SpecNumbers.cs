using System.Globalization;

namespace VmBus.TestKit.SpecTables;

/// <summary>A table of named numbers: message types, flags, status codes.</summary>
public sealed class SpecNumbers
{
    private readonly string _source;
    private readonly Dictionary<string, ulong> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);

    private SpecNumbers(string source) => _source = source;

    /// <summary>The number with this name; case, spaces and punctuation do not matter.</summary>
    public ulong this[string name] => _values.TryGetValue(SpecTable.Key(name), out ulong value)
        ? value
        : throw new InvalidDataException($"{_source} has no number named '{name}'.");

    /// <summary>Reads a table with the columns value and name, or bit and name, without rows whose name is empty or in parentheses.</summary>
    public static SpecNumbers From(SpecTable table)
    {
        var numbers = new SpecNumbers(table.Source);
        bool bits = !table.HasColumn("value") && table.HasColumn("bit");
        for (int row = 0; row < table.RowCount; row++)
        {
            string name = table.Cell(row, "name");
            if (name.Length == 0 || name[0] == '(') continue;
            ulong value = bits ? 1UL << (int)table.Number(row, "bit") : table.Number(row, "value");
            if (!numbers._values.TryAdd(SpecTable.Key(name), value)) throw new InvalidDataException($"{table.Source} names '{name}' twice.");
            numbers._names.Add(SpecTable.Key(name), name);
        }

        return numbers;
    }

    /// <summary>
    /// What an enum of the code and the page say differently, one sentence each: a member that the page lacks, a row that the enum lacks,
    /// another value. Empty when they agree. A member of value 0 named None need not be on the page.
    /// </summary>
    public IReadOnlyList<string> DifferencesFrom<TEnum>()
        where TEnum : struct, Enum
    {
        var differences = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (TEnum member in Enum.GetValues<TEnum>().Distinct())
        {
            ulong value = Convert.ToUInt64(member, CultureInfo.InvariantCulture);
            string key = SpecTable.Key(member.ToString());
            if (value == 0 && key is "none" && !_values.ContainsKey(key)) continue;
            seen.Add(key);
            if (!_values.TryGetValue(key, out ulong specified)) differences.Add($"{_source} lacks {typeof(TEnum).Name}.{member}.");
            else if (specified != value) differences.Add($"{typeof(TEnum).Name}.{member} is 0x{value:x}, {_source} says 0x{specified:x}.");
        }

        differences.AddRange(_names.Where(pair => !seen.Contains(pair.Key))
            .Select(pair => $"{typeof(TEnum).Name} lacks '{pair.Value}' of {_source}."));
        return differences;
    }
}
