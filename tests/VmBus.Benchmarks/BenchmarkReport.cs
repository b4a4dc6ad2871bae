using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace VmBus.Benchmarks;

/// <summary>Collects samples and prints medians, spread and ratios.</summary>
internal sealed class BenchmarkReport(string part)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
    private readonly List<Series> _series = [];
    private readonly List<ComparisonTable> _tables = [];

    /// <summary>Adds one sample of a measurement.</summary>
    /// <param name="name">What was measured.</param>
    /// <param name="unit">Unit of the value.</param>
    /// <param name="value">The sample.</param>
    /// <param name="baseline">The measurement of the same unit that the median is divided by, or null.</param>
    internal void Add(string name, string unit, double value, string? baseline = null)
    {
        Series? series = Find(name);
        if (series is null) _series.Add(series = new Series(name, unit, baseline));
        series.Samples.Add(value);
    }

    /// <summary>Adds a table that compares machine monitors; it is printed after the series.</summary>
    internal ComparisonTable AddTable(string title, params string[] columns)
    {
        var table = new ComparisonTable(title, columns);
        _tables.Add(table);
        return table;
    }

    /// <summary>Adds a table for each of ours, beside the same peers.</summary>
    internal ComparisonTable[] AddTables(string title, IEnumerable<string> ours, IEnumerable<string> peers)
        => [.. ours.Select(one => AddTable($"{title}: {one}", [one, .. peers]))];

    internal void Print(TextWriter output)
    {
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{part}: {Environment.ProcessorCount} processors, load {LoadAverage()}, {RuntimeInformation.FrameworkDescription}"));
        foreach (ComparisonTable table in _tables) table.Print(output);
        if (_series.Count == 0) return;
        output.WriteLine($"{"",-44} {"median",14} {"min",14} {"max",14}  {"unit",-14} ratio");
        foreach (Series series in _series)
        {
            string ratio = Ratio(series) is { } value ? value.ToString("0.00", CultureInfo.InvariantCulture) + " x " + series.Baseline : "";
            string spread = string.Create(CultureInfo.InvariantCulture, $"{series.Samples.Min(),14:#,##0.##} {series.Samples.Max(),14:#,##0.##}");
            string median = series.Median.ToString("#,##0.##", CultureInfo.InvariantCulture);
            output.WriteLine($"{series.Name,-44} {median,14} {spread}  {series.Unit,-14} {ratio}".TrimEnd());
        }
    }

    internal void WriteJson(string path)
    {
        var document = new
        {
            Part = part,
            Time = DateTimeOffset.UtcNow,
            Processors = Environment.ProcessorCount,
            Runtime = RuntimeInformation.FrameworkDescription,
            Kernel = RuntimeInformation.OSDescription,
            LoadAverage = LoadAverage(),
            Results = _series.Select(series => new
            {
                series.Name,
                series.Unit,
                series.Median,
                Minimum = series.Samples.Min(),
                Maximum = series.Samples.Max(),
                series.Samples,
                series.Baseline,
                Ratio = Ratio(series),
            }),
            Tables = _tables.Select(table => table.ToDocument()),
        };
        File.WriteAllText(path, JsonSerializer.Serialize(document, Indented) + "\n");
    }

    // Numbers from a busy machine say little, so the load is part of every report.
    private static string LoadAverage() => File.ReadAllText("/proc/loadavg").Split(' ')[0];

    private Series? Find(string name) => _series.Find(series => string.Equals(series.Name, name, StringComparison.Ordinal));

    private double? Ratio(Series series)
        => series.Baseline is { } name && Find(name) is { Median: > 0 } baseline ? series.Median / baseline.Median : null;

    private sealed record Series(string Name, string Unit, string? Baseline)
    {
        internal List<double> Samples { get; } = [];

        internal double Median
        {
            get
            {
                double[] sorted = [.. Samples.Order()];
                int middle = sorted.Length / 2;
                return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
            }
        }
    }
}
