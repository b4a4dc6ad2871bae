using VmBus.Network.Frames;

namespace VmBus.Network.Links;

/// <summary>Which frames an adapter wants, by their destination.</summary>
/// <param name="Address">The adapter's own address.</param>
/// <param name="Accepted">Kinds of frames it wants.</param>
public sealed record FrameFilter(MacAddress Address, FrameKinds Accepted)
{
    /// <summary>Whether a frame to <paramref name="destination"/> is wanted.</summary>
    public bool Accepts(MacAddress destination)
    {
        if ((Accepted & FrameKinds.Everything) != 0) return true;
        if (destination.IsBroadcast) return (Accepted & FrameKinds.Broadcast) != 0;
        return destination.IsMulticast ? (Accepted & FrameKinds.Multicast) != 0 : (Accepted & FrameKinds.Directed) != 0 && destination == Address;
    }
}

/// <summary>Kinds of frames by their destination.</summary>
[Flags]
public enum FrameKinds
{
    /// <summary>None at all.</summary>
    None = 0,

    /// <summary>To the adapter's own address.</summary>
    Directed = 1,

    /// <summary>To every group.</summary>
    Multicast = 2,

    /// <summary>To everybody.</summary>
    Broadcast = 4,

    /// <summary>Promiscuous.</summary>
    Everything = 8,
}
