using System.Diagnostics.Metrics;

namespace VmBus.Service.Metrics;

/// <summary>The metrics as instruments of .NET, for dotnet-counters and collectors that attach to the process. Costs nothing while nobody looks.</summary>
/// <remarks>An instrument must answer at once, and workers do not: it gives the last sample, and has the next one taken when that one is a second old.</remarks>
internal sealed class ServiceMeter : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "VmBus.Service";

    private static readonly TimeSpan Age = TimeSpan.FromSeconds(0.9);

    private readonly Meter _meter = new(Name);
    private readonly SampleCollector _collector;

    /// <summary>Makes the instruments.</summary>
    public ServiceMeter(SampleCollector collector)
    {
        _collector = collector;
        foreach (MetricFamily family in MetricCatalog.All)
        {
            string? unit = family.Unit switch
            {
                "seconds" => "s",
                "bytes" => "By",
                _ => null,
            };
            if (family.IsCounter) _meter.CreateObservableCounter(family.InstrumentName, () => Read(family), unit, family.Help);
            else _meter.CreateObservableGauge(family.InstrumentName, () => Read(family), unit, family.Help);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<double>> Read(MetricFamily family)
    {
        ServiceSample? sample = _collector.Latest;
        if (sample is null || DateTimeOffset.UtcNow - sample.Time > Age) _ = _collector.CollectAsync(CancellationToken.None);
        return sample is null
            ? []
            : family.Read(sample).Select(static point => new Measurement<double>(point.Value, point.Labels.Select(static label => new KeyValuePair<string, object?>(label.Name, label.Value))));
    }
}
