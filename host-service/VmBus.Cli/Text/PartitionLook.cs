using VmBus.Management.Values;

namespace VmBus.Cli.Text;

/// <summary>A partition of a service at one time.</summary>
/// <param name="Status">What the service says of it.</param>
/// <param name="Report">What its worker says; null when there is none, or it does not answer.</param>
internal sealed record PartitionLook(PartitionStatus Status, PartitionReport? Report);
