namespace VmBus.Network.Links;

/// <summary>What a link can do.</summary>
/// <param name="MaximumQueues">Queues that can be open at once, at least 1.</param>
/// <param name="SendOffloads">Unfinished frames that it takes.</param>
/// <param name="ReceiveOffloads">Unfinished frames that it can give.</param>
/// <param name="MaximumFrameBytes">The longest finished frame, with its Ethernet header and without a VLAN tag.</param>
/// <param name="BitsPerSecond">Speed to show to the guest.</param>
public sealed record LinkTraits(
    int MaximumQueues, LinkOffloads SendOffloads, LinkOffloads ReceiveOffloads, int MaximumFrameBytes, ulong BitsPerSecond);

/// <summary>Work on frames that is left to whoever comes next.</summary>
[Flags]
public enum LinkOffloads
{
    /// <summary>Frames are finished.</summary>
    None = 0,

    /// <summary>TCP and UDP checksums may be missing.</summary>
    Checksum = 1,

    /// <summary>TCP over IPv4 may be unsegmented.</summary>
    Tcp4Segmentation = 2,

    /// <summary>TCP over IPv6 may be unsegmented.</summary>
    Tcp6Segmentation = 4,

    /// <summary>UDP may be unsegmented.</summary>
    UdpSegmentation = 8,
}
