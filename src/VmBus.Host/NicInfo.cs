using VmBus.Network.Frames;
using VmBus.Providers.Network;

namespace VmBus.Host;

/// <summary>Where a network adapter of a partition stands.</summary>
public enum NicState
{
    /// <summary>Its link is being opened; the guest does not see it yet.</summary>
    Opening,

    /// <summary>The guest is offered it.</summary>
    Attached,

    /// <summary>Being taken from the guest; its link is closed as soon as its channels have closed.</summary>
    Removing,
}

/// <summary>A network adapter of a partition as a person sees it.</summary>
/// <param name="Id">Its name in the partition: the one given, or <c>nicN</c>.</param>
/// <param name="Link">Where its frames go, such as <c>tap=vnet0</c>.</param>
/// <param name="Address">Its own Ethernet address; a guest may use another.</param>
/// <param name="State">Where it stands.</param>
/// <param name="IsUp">Whether there is somebody at the other end of the link.</param>
/// <param name="Counters">What it has done since it was added, over all its queues.</param>
/// <param name="Queues">The queues that are open now, in order of their numbers.</param>
public sealed record NicInfo(
    string Id, string Link, MacAddress Address, NicState State, bool IsUp, NetworkCounters Counters, IReadOnlyList<NetworkQueueInfo> Queues);
