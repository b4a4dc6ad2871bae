using VmBus.Protocol.DynamicMemory;
using VmBus.Providers.DynamicMemory;
using VmBus.Virtio.Balloon;

namespace VmBus.Host.Joins;

/// <summary>A virtio balloon as what Hyper-V's dynamic memory says of a partition: the same verb, whatever the guest has.</summary>
internal static class BalloonMemory
{
    public static DynamicMemoryInfo Describe(BalloonInfo balloon) => new(
        balloon.IsReady,
        Version: null,
        balloon.IsReady ? DynamicMemoryCapabilities.Balloon : DynamicMemoryCapabilities.None,
        balloon.StartBytes,
        MaximumBytes: balloon.StartBytes,
        AssignedBytes: balloon.StartBytes - balloon.BalloonedBytes,
        balloon.BalloonedBytes,
        AddedBytes: 0,
        balloon.GoalBytes,
        balloon.AvailableBytes,
        CommittedBytes: null);

    public static async Task<DynamicMemoryInfo> SetAsync(BalloonDevice balloon, long bytes, CancellationToken cancellation)
        => Describe(await balloon.SetAsync(bytes, cancellation).ConfigureAwait(false));
}
