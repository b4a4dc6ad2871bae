using VmBus.Network.Links;
using VmBus.Protocol.Network;

namespace VmBus.Providers.Network;

/// <summary>What the channels of one adapter share from the open of the primary to its close.</summary>
/// <remarks>The primary's lane writes; other lanes read what is marked so. The list of channels may be used from any thread.</remarks>
internal sealed class NetworkSession(NetworkProvider provider, NetworkOptions options, ILink link)
{
    /// <summary>The MTU when nobody says otherwise.</summary>
    public const int UsualMtu = 1500;

    private const int SmallestMtu = 68;

    private readonly Lock _gate = new();
    private readonly List<NetworkEndpoint> _channels = [];
    private volatile SharedBuffer? _sendBuffer;
    private volatile SharedBuffer? _receiveBuffer;
    private volatile int _receiveBytes = UsualMtu + FrameHeaders.EthernetBytes + FrameHeaders.TagBytes;
    private bool _coalescing4;
    private bool _coalescing6;
    private bool _checksums;
    private FrameKinds _accepted;

    public NetworkOptions Options => options;

    public NetworkProvider Provider => provider;

    public ILink Link => link;

    /// <summary>Channels that there can be.</summary>
    public int Queues { get; } = Math.Min(options.MaximumQueues, link.Traits.MaximumQueues);

    /// <summary>The version agreed on; any lane, once there is a receive buffer.</summary>
    public NvspVersion Version { get; set; }

    public int Mtu { get; private set; } = UsualMtu;

    /// <summary>How the receive buffer is divided; any lane, once there is one.</summary>
    public ReceiveLayout Layout { get; private set; }

    /// <summary>Sub-channels that were promised.</summary>
    public int Subchannels { get; set; }

    /// <summary>
    /// Longest frame from the guest that is not to be segmented; any lane. The link's and not the guest's: a guest that makes its MTU smaller still
    /// sends what it has queued.
    /// </summary>
    public int MaximumFrameBytes { get; } = link.Traits.MaximumFrameBytes + FrameHeaders.TagBytes;

    /// <summary>Longest frame that may come for the guest; any lane.</summary>
    public int ReceiveBytes => _receiveBytes;

    /// <summary>Where frames are sent from; any lane.</summary>
    public SharedBuffer? SendBuffer
    {
        get => _sendBuffer;
        set => _sendBuffer = value;
    }

    /// <summary>Where frames are received into; any lane.</summary>
    public SharedBuffer? ReceiveBuffer => _receiveBuffer;

    /// <summary>Whether coalesced frames are offered.</summary>
    public bool OffersCoalescing => Version.HasCoalescing()
        && (link.Traits.ReceiveOffloads & (LinkOffloads.Tcp4Segmentation | LinkOffloads.Tcp6Segmentation)) != 0
        && (_receiveBuffer is null || Layout.CanCoalesce);

    /// <summary>Whether coalesced frames need checksums; any lane.</summary>
    public ChecksumDoubt Doubt { get; } = new();

    /// <summary>Which frames the guest wants.</summary>
    public FrameKinds Accepted => _accepted;

    /// <summary>Adds an open channel.</summary>
    public void Add(NetworkEndpoint channel)
    {
        lock (_gate) _channels.Add(channel);
    }

    /// <summary>Takes a closed channel out.</summary>
    public void Remove(NetworkEndpoint channel)
    {
        lock (_gate) _channels.Remove(channel);
        provider.ChannelClosed(this, channel);
    }

    /// <summary>The open channels now.</summary>
    public NetworkEndpoint[] Channels()
    {
        lock (_gate) return [.. _channels];
    }

    /// <summary>Takes the guest's MTU, or the usual one when the link or the host cannot have it.</summary>
    public void SetMtu(uint frameBytes)
    {
        bool fits = frameBytes >= SmallestMtu + FrameHeaders.EthernetBytes && frameBytes <= (uint)link.Traits.MaximumFrameBytes;
        Mtu = fits ? (int)frameBytes - FrameHeaders.EthernetBytes : UsualMtu;
        UpdateReceiveBytes();
    }

    /// <summary>Divides a receive buffer. False when it is too small.</summary>
    public bool TryDivide(long bytes)
    {
        if (!ReceiveLayout.TryDivide(bytes, Mtu, Queues, OffersCoalescing, out ReceiveLayout layout)) return false;
        Layout = layout;
        return true;
    }

    /// <summary>Begins to receive into a buffer, on all channels.</summary>
    public void SetReceiveBuffer(SharedBuffer? buffer)
    {
        _receiveBuffer = buffer;
        ApplyOffloads();
    }

    /// <summary>Takes what the guest wants done to frames.</summary>
    public void SetOffloads(in NdisOffloadParameters parameters)
    {
        _coalescing4 = Setting(parameters.Coalescing4, _coalescing4);
        _coalescing6 = Setting(parameters.Coalescing6, _coalescing6);
        bool? checksums = null;
        foreach (ChecksumSetting setting in (ReadOnlySpan<ChecksumSetting>)[parameters.Tcp4, parameters.Udp4, parameters.Tcp6, parameters.Udp6])
        {
            if (setting is ChecksumSetting.Receive or ChecksumSetting.Both) checksums = true;
            else if (setting is ChecksumSetting.Off or ChecksumSetting.Transmit) checksums ??= false;
        }

        _checksums = checksums ?? _checksums;
        ApplyOffloads();
    }

    /// <summary>Takes which frames the guest wants.</summary>
    public void SetFilter(FrameKinds accepted)
    {
        _accepted = accepted;
        link.SetFilter(new FrameFilter(provider.CurrentAddress, accepted));
    }

    /// <summary>The guest has gone: nothing is received any more.</summary>
    public void End()
    {
        SetFilter(FrameKinds.None);
        _coalescing4 = _coalescing6 = _checksums = false;
        ApplyOffloads();
    }

    private static bool Setting(OffloadSetting setting, bool before) => setting switch
    {
        OffloadSetting.Off => false,
        OffloadSetting.On => true,
        _ => before,
    };

    // A frame that is not cut has no checksum either, so segmentation needs both.
    private void ApplyOffloads()
    {
        LinkOffloads wanted = LinkOffloads.None;
        if (_checksums) wanted |= LinkOffloads.Checksum;
        if (_checksums && _coalescing4 && OffersCoalescing) wanted |= LinkOffloads.Tcp4Segmentation;
        if (_checksums && _coalescing6 && OffersCoalescing) wanted |= LinkOffloads.Tcp6Segmentation;
        wanted &= link.Traits.ReceiveOffloads;
        UpdateReceiveBytes((wanted & (LinkOffloads.Tcp4Segmentation | LinkOffloads.Tcp6Segmentation)) != 0);
        link.SetReceiveOffloads(wanted);
    }

    private void UpdateReceiveBytes(bool coalescing = false)
        => _receiveBytes = coalescing ? ReceiveLayout.LargestFrameBytes : Mtu + FrameHeaders.EthernetBytes + FrameHeaders.TagBytes;
}
