namespace VmBus.Service.Metrics;

/// <summary>A value of one time series.</summary>
/// <param name="Value">The value.</param>
/// <param name="Labels">What tells it from the others of its metric.</param>
internal readonly record struct MetricPoint(double Value, params (string Name, string Value)[] Labels);
