namespace VmBus.Service.Metrics;

/// <summary>The service and all its partitions at one time.</summary>
/// <param name="Time">When.</param>
/// <param name="Partitions">The partitions in the order of their names.</param>
/// <param name="Problems">How many definition files have given no partition.</param>
/// <param name="Own">What the service itself takes of the host.</param>
internal sealed record ServiceSample(DateTimeOffset Time, IReadOnlyList<PartitionSample> Partitions, int Problems, ProcessFigures? Own);
