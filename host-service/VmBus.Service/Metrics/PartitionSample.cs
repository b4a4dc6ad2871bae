using VmBus.Management.Values;

namespace VmBus.Service.Metrics;

/// <summary>A partition at one time: what the service knows, and what its worker has said.</summary>
/// <param name="Status">How it stands.</param>
internal sealed record PartitionSample(PartitionStatus Status)
{
    /// <summary>The partition and its channels; null when there is no worker, or it has not answered in time.</summary>
    public PartitionReport? Report { get; init; }

    /// <summary>Its memory.</summary>
    public MemoryReport? Memory { get; init; }

    /// <summary>Its disks.</summary>
    public IReadOnlyList<DiskReport> Disks { get; init; } = [];

    /// <summary>Its network adapters.</summary>
    public IReadOnlyList<NicReport> Nics { get; init; } = [];

    /// <summary>What the worker takes of the host.</summary>
    public ProcessFigures? Worker { get; init; }

    /// <summary>Why the worker has not answered; null when it has, or there is none.</summary>
    public string? Failure { get; init; }
}
