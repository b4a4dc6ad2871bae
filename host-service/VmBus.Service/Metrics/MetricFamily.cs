namespace VmBus.Service.Metrics;

/// <summary>A metric with all its time series.</summary>
/// <param name="Name">Its name without unit: words with underscores.</param>
/// <param name="Unit">What it counts in: a base unit of Prometheus (<c>seconds</c>, <c>bytes</c>), or empty.</param>
/// <param name="IsCounter">Whether it only grows while what it counts is there; else it is a gauge.</param>
/// <param name="Help">What it is, in one line.</param>
/// <param name="Read">Its series in a sample.</param>
internal sealed record MetricFamily(string Name, string Unit, bool IsCounter, string Help, Func<ServiceSample, IEnumerable<MetricPoint>> Read)
{
    /// <summary>Its name as Prometheus has it: with the unit, and <c>_total</c> behind a counter.</summary>
    public string PrometheusName { get; } = Name + (Unit.Length > 0 ? $"_{Unit}" : "") + (IsCounter ? "_total" : "");

    /// <summary>Its name as .NET has it.</summary>
    public string InstrumentName { get; } = Name.Replace('_', '.');
}
