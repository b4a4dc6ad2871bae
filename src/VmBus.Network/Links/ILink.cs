using VmBus.Lanes;
using VmBus.Network.Frames;

namespace VmBus.Network.Links;

/// <summary>What a network adapter's cable leads to: a TAP, passt. Knows nothing of RNDIS, VMBus or virtio.</summary>
/// <remarks>Members may be called from any thread; frames go through one <see cref="ILinkQueue"/> per channel or virtqueue pair.</remarks>
public interface ILink : IDisposable
{
    /// <summary>A name for people: <c>tap=vnet0</c>.</summary>
    string Name { get; }

    /// <summary>What the link can do; fixed.</summary>
    LinkTraits Traits { get; }

    /// <summary>Whether there is somebody at the other end.</summary>
    bool IsUp { get; }

    /// <summary>Where a copy of every frame goes, both ways; null for nowhere. It may be set while frames flow, and belongs to whoever sets it.</summary>
    FrameCapture? Capture { get; set; }

    /// <summary>Raised, on any thread, when <see cref="IsUp"/> has changed.</summary>
    event Action? Changed;

    /// <summary>Opens the next queue for the frames of one lane. Called on that lane's thread.</summary>
    /// <returns>Null when <see cref="LinkTraits.MaximumQueues"/> are open, or the link is down for good.</returns>
    ILinkQueue? OpenQueue(Lane lane, IFrameReceiver receiver);

    /// <summary>Says which unfinished frames the receivers can take; at first none.</summary>
    void SetReceiveOffloads(LinkOffloads offloads);

    /// <summary>
    /// Says which frames the receivers want; at first none. What else arrives from then on is dropped before it reaches guest memory. Frames that
    /// arrived earlier and still wait are judged by the new filter too.
    /// </summary>
    void SetFilter(FrameFilter filter);
}
