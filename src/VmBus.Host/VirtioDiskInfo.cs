using VmBus.Virtio.Block;

namespace VmBus.Host;

/// <summary>What a virtio disk that this process serves has done since the partition was started.</summary>
/// <param name="Id">Its name in the partition.</param>
/// <param name="Counters">Over all its queues.</param>
public sealed record VirtioDiskInfo(string Id, BlockCounters Counters);
