using VmBus.Memory.Guest;

namespace VmBus.Providers.DynamicMemory;

/// <summary>The machine's memory as a dynamic memory service changes it: pages given back and memory added. One caller at a time, which may block.</summary>
public interface IMemorySource
{
    /// <summary>RAM that the guest starts with, in bytes.</summary>
    long StartBytes { get; }

    /// <summary>RAM that it may have at most.</summary>
    long MaximumBytes { get; }

    /// <summary>Bytes that were added to what it started with.</summary>
    long AddedBytes { get; }

    /// <summary>Where pages lie among all that there are, for counting them.</summary>
    /// <returns>False when any is not RAM.</returns>
    bool TryGetIndex(PageRun pages, out long index);

    /// <summary>The pages at a place that <see cref="TryGetIndex"/> has told, as far as they lie in a row.</summary>
    PageRun PagesAt(long index, int count);

    /// <summary>Gives pages back to the host; the guest does not use them.</summary>
    /// <exception cref="IOException">The host refused.</exception>
    void Discard(PageRun pages);

    /// <summary>Adds memory, aligned to its length, which the guest does not look at before it is told.</summary>
    /// <returns>Its pages; null when there is no room.</returns>
    /// <exception cref="IOException">The host refused.</exception>
    PageRun? TryAdd(long bytes);

    /// <summary>Takes back the last memory that was added; the guest has not used it.</summary>
    /// <exception cref="IOException">The host refused.</exception>
    void Take(long bytes);
}
