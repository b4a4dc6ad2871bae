using VmBus.Bus.Devices;

namespace VmBus.Host;

/// <summary>Where a partition stands.</summary>
public enum PartitionState
{
    /// <summary>No machine runs: before the start, between two resets, after the end.</summary>
    Off,

    /// <summary>The guest's machine runs.</summary>
    Running,
}

/// <summary>A partition as a person sees it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Uptime">How long the machine has run since it was started or last reset; zero when off.</param>
/// <param name="BusVersion">The VMBus version agreed with the guest, such as <c>5.3</c>; null while the guest is not connected.</param>
/// <param name="Channels">The channels, in order of their ids.</param>
public sealed record PartitionInfo(
    string Name, PartitionState State, TimeSpan Uptime, string? BusVersion, IReadOnlyList<ChannelInfo> Channels)
{
    /// <summary>What its virtio disks do; those of a back-end, which gets the guest's rings themselves, are not among them.</summary>
    public IReadOnlyList<VirtioDiskInfo> VirtioDisks { get; init; } = [];
}
