namespace VmBus.Memory.Guest;

/// <summary>Consecutive guest pages.</summary>
/// <param name="FirstPage">Page number of the first page (guest physical address / 4096).</param>
/// <param name="PageCount">How many pages, at least 1.</param>
public readonly record struct PageRun(ulong FirstPage, int PageCount);
