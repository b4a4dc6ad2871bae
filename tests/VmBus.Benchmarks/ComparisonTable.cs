using System.Globalization;

namespace VmBus.Benchmarks;

/// <summary>
/// Samples of the same rows from several machine monitors, as medians side by side with the ratios of the first to each other one. A ratio is the
/// median of the rounds' ratios: what was measured one after the other saw the same machine.
/// </summary>
/// <param name="title">What the table shows and in which circumstances.</param>
/// <param name="columns">Names of the monitors; the first is ours.</param>
internal sealed class ComparisonTable(string title, IReadOnlyList<string> columns)
{
    private readonly List<Row> _rows = [];

    /// <summary>Adds a sample; one of a column that is not compared here is left out.</summary>
    internal void Add(string row, string unit, string column, double value)
    {
        int index = columns.ToList().IndexOf(column);
        if (index < 0) return;
        Row? target = _rows.Find(candidate => string.Equals(candidate.Name, row, StringComparison.Ordinal));
        if (target is null) _rows.Add(target = new Row(row, unit, [.. columns.Select(_ => new List<double>())]));
        target.Samples[index].Add(value);
    }

    internal void Print(TextWriter output)
    {
        output.WriteLine($"\n{title}");
        output.Write($"{"",-44}");
        foreach (string column in columns) output.Write($" {column,12}");
        foreach (string peer in columns.Skip(1)) output.Write($" {"/ " + peer,14}");
        output.WriteLine("  unit");
        foreach (Row row in _rows)
        {
            output.Write($"{row.Name,-44}");
            for (int i = 0; i < columns.Count; i++) output.Write($" {Number(row.Median(i), "#,##0.##"),12}");
            for (int i = 1; i < columns.Count; i++) output.Write($" {Number(row.Ratio(i), "0.00"),14}");
            output.WriteLine("  " + row.Unit);
        }
    }

    /// <summary>The table as a value for the JSON file.</summary>
    internal object ToDocument() => new
    {
        Title = title,
        Rows = _rows.Select(row => new
        {
            row.Name,
            row.Unit,
            Monitors = columns.Select((column, i) => new
            {
                Name = column,
                Median = row.Median(i),
                Samples = row.Samples[i],
                RatioOfOurs = i == 0 ? null : row.Ratio(i),
            }),
        }),
    };

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";

    private sealed record Row(string Name, string Unit, List<double>[] Samples)
    {
        internal double? Median(int column) => Median(Samples[column]);

        internal double? Ratio(int column) => Median(Samples[0].Zip(Samples[column]).Where(round => round.Second > 0).Select(round => round.First / round.Second));

        private static double? Median(IEnumerable<double> values)
        {
            double[] sorted = [.. values.Order()];
            int middle = sorted.Length / 2;
            if (sorted.Length == 0) return null;
            return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        }
    }
}
