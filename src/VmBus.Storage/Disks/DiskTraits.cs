namespace VmBus.Storage.Disks;

/// <summary>What a disk can do; fixed while it is open.</summary>
/// <param name="ReadOnly">Writes are refused.</param>
/// <param name="WriteCache">A completed write is durable only after <see cref="IDiskQueue.Flush"/> or with force-unit-access.</param>
/// <param name="DiscardGranularityBytes">Smallest range that frees space; 0 when discard is not supported.</param>
/// <param name="MaximumTransferBytes">Largest single read or write; 0 for no limit.</param>
/// <param name="Rotational">A spinning medium, so that the guest may order its requests.</param>
public sealed record DiskTraits(
    bool ReadOnly, bool WriteCache, int DiscardGranularityBytes, int MaximumTransferBytes, bool Rotational);
