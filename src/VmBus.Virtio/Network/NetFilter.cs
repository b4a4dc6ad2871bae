using VmBus.Network.Frames;
using VmBus.Network.Links;

namespace VmBus.Virtio.Network;

/// <summary>Which frames a driver wants, as it says piece by piece. A driver that says nothing gets all of them: it may filter itself, or its monitor does.</summary>
internal sealed class NetFilter(MacAddress address)
{
    private MacAddress _address = address;
    private bool _hasSpoken;
    private bool _promiscuous;
    private bool _allMulticast;
    private bool _hasGroups;
    private bool _hasOthers;

    public MacAddress Address
    {
        get => _address;
        set => _address = value;
    }

    public void SetPromiscuous(bool on)
    {
        _hasSpoken = true;
        _promiscuous = on;
    }

    public void SetAllMulticast(bool on)
    {
        _hasSpoken = true;
        _allMulticast = on;
    }

    /// <summary>The driver wants frames to more addresses of its own, or to some groups. Frames to others of these kinds are its to drop.</summary>
    public void SetTables(long unicast, long multicast)
    {
        _hasSpoken = true;
        _hasOthers = unicast > 0;
        _hasGroups = multicast > 0;
    }

    /// <summary>What the link is told.</summary>
    public FrameFilter ToLink()
    {
        // A link tells one address from others, not several: further ones take all there is.
        if (!_hasSpoken || _promiscuous || _hasOthers) return new FrameFilter(_address, FrameKinds.Everything);
        FrameKinds kinds = FrameKinds.Directed | FrameKinds.Broadcast;
        return new FrameFilter(_address, _allMulticast || _hasGroups ? kinds | FrameKinds.Multicast : kinds);
    }
}
