using System.Diagnostics;
using VmBus.Providers.Integration;

namespace VmBus.Host.ProcessPartitions;

/// <summary>The clock of a partition without a machine: the host's, with a reference counter of its own. Any thread.</summary>
internal sealed class HostClock : IGuestClock
{
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    public bool TryRead(out DateTime utc, out ulong reference)
    {
        (utc, reference) = (DateTime.UtcNow, (ulong)Stopwatch.GetElapsedTime(_started).Ticks);
        return true;
    }
}
