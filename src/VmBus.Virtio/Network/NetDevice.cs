using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Network;

/// <summary>A virtio network adapter of one driver on a link.</summary>
/// <remarks>The link is the giver's to close, after this. Source: virtio 1.3, 5.1; protocol-spec/virtio.md#network.</remarks>
public sealed class NetDevice : IVirtioDevice
{
    private const int QueueSize = 1024;
    private const int EthernetBytes = 14;

    private readonly ILink _link;
    private readonly Lock _gate = new();
    private readonly NetPair[] _pairs;
    private readonly MacAddress _address;
    private NetFilter _filter;

    /// <summary>An adapter on a link.</summary>
    /// <param name="link">The link.</param>
    /// <param name="address">Its address.</param>
    /// <param name="pairs">Pairs of queues, at most as many as the link has queues.</param>
    public NetDevice(ILink link, MacAddress address, int pairs)
    {
        _link = link;
        _address = address;
        _filter = new NetFilter(address);
        _pairs = [.. Enumerable.Range(0, Math.Clamp(pairs, 1, link.Traits.MaximumQueues)).Select(_ => new NetPair(this))];
        _link.Changed += LinkChanged;
    }

    /// <inheritdoc/>
    public VirtioDeviceType Type => VirtioDeviceType.Network;

    /// <inheritdoc/>
    public string Name => _link.Name;

    /// <inheritdoc/>
    public ulong Features
    {
        get
        {
            LinkOffloads send = _link.Traits.SendOffloads, receive = _link.Traits.ReceiveOffloads;
            NetFeatures features = NetFeatures.Mac | NetFeatures.Status | NetFeatures.Mtu | NetFeatures.MergeableBuffers
                | NetFeatures.ControlQueue | NetFeatures.ControlReceive | NetFeatures.ControlVlan | NetFeatures.ControlAddress;
            if (_pairs.Length > 1) features |= NetFeatures.MultiQueue;
            if ((send & LinkOffloads.Checksum) != 0) features |= NetFeatures.HostChecksum;
            if ((send & LinkOffloads.Tcp4Segmentation) != 0) features |= NetFeatures.HostTcp4;
            if ((send & LinkOffloads.Tcp6Segmentation) != 0) features |= NetFeatures.HostTcp6;
            if ((send & LinkOffloads.UdpSegmentation) != 0) features |= NetFeatures.HostUdp;
            // A driver that takes frames without a checksum takes those with one as well.
            features |= NetFeatures.GuestChecksum;
            if ((receive & LinkOffloads.Tcp4Segmentation) != 0) features |= NetFeatures.GuestTcp4;
            if ((receive & LinkOffloads.Tcp6Segmentation) != 0) features |= NetFeatures.GuestTcp6;
            if ((receive & LinkOffloads.UdpSegmentation) != 0) features |= NetFeatures.GuestUdp4 | NetFeatures.GuestUdp6;
            return (ulong)features | (ulong)Virtqueue.Features;
        }
    }

    /// <inheritdoc/>
    public int QueueCount => (_pairs.Length * 2) + 1;

    /// <inheritdoc/>
    public int FrontEndQueueCount => _pairs.Length;

    /// <inheritdoc/>
    public int MaximumQueueSize => QueueSize;

    /// <inheritdoc/>
    public Action? ConfigChanged { get; set; }

    /// <summary>What each pair has done. Numbers may be a moment old.</summary>
    public IReadOnlyList<NetCounters> Counters => [.. _pairs.Select(static pair => pair.Counters)];

    internal ILink Link => _link;

    /// <summary>What a driver with <see cref="NetFeatures.ControlVlan"/> wants.</summary>
    internal VlanFilter Vlans { get; } = new();

    internal int PairCount => _pairs.Length;

    /// <inheritdoc/>
    public int LaneOf(int queue) => queue / 2 < _pairs.Length ? queue / 2 : 0;

    /// <inheritdoc/>
    public int ReadConfig(Span<byte> destination)
    {
        Span<byte> bytes = stackalloc byte[NetConfig.AddressBytes];
        ulong address = 0;
        lock (_gate) _filter.Address.Write(bytes);
        for (int i = 0; i < bytes.Length; i++) address |= (ulong)bytes[i] << (8 * i);
        int mtu = Math.Clamp(_link.Traits.MaximumFrameBytes - EthernetBytes, 0, ushort.MaxValue);
        new NetConfig(address, _link.IsUp ? NetConfig.LinkUp : (ushort)0, (ushort)_pairs.Length, (ushort)mtu).Write(destination);
        return NetConfig.Size;
    }

    /// <inheritdoc/>
    public bool WriteConfig(int offset, ReadOnlySpan<byte> source) => false;

    /// <inheritdoc/>
    public IQueueWorker OpenQueue(int index, ulong features, QueueRunner queue, Lane lane)
    {
        var agreed = (NetFeatures)features;
        // Without several pairs the control queue follows the only one.
        int control = (agreed & NetFeatures.MultiQueue) != 0 ? _pairs.Length * 2 : 2;
        if (index >= control) return new NetControl(this, queue);
        ApplyOffloads(agreed);
        return index % 2 == 0 ? _pairs[index / 2].OpenReceiver(queue, lane, agreed) : _pairs[index / 2].OpenTransmitter(queue, lane, agreed);
    }

    /// <inheritdoc/>
    public void Reset()
    {
        lock (_gate)
        {
            _filter = new NetFilter(_address);
            _link.SetFilter(_filter.ToLink());
        }

        Vlans.Clear();
        foreach (NetPair pair in _pairs) pair.IsWanted = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _link.Changed -= LinkChanged;
        ConfigChanged = null;
    }

    /// <summary>Changes what the driver wants to receive.</summary>
    internal void Filter(Action<NetFilter> change)
    {
        lock (_gate)
        {
            change(_filter);
            _link.SetFilter(_filter.ToLink());
        }
    }

    /// <summary>The driver uses so many pairs from now on.</summary>
    internal void UsePairs(int count)
    {
        for (int i = 0; i < _pairs.Length; i++) _pairs[i].Want(i < count);
    }

    private void ApplyOffloads(NetFeatures features)
    {
        LinkOffloads offloads = LinkOffloads.None;
        if ((features & NetFeatures.GuestChecksum) != 0) offloads |= LinkOffloads.Checksum;
        if ((features & NetFeatures.GuestTcp4) != 0) offloads |= LinkOffloads.Tcp4Segmentation;
        if ((features & NetFeatures.GuestTcp6) != 0) offloads |= LinkOffloads.Tcp6Segmentation;
        if ((features & NetFeatures.GuestUdp4) != 0 && (features & NetFeatures.GuestUdp6) != 0) offloads |= LinkOffloads.UdpSegmentation;
        lock (_gate)
        {
            _link.SetReceiveOffloads(offloads & _link.Traits.ReceiveOffloads);
            _link.SetFilter(_filter.ToLink());
        }
    }

    // Whoever raises this may be a lane, which a transport must not hold up.
    private void LinkChanged() => ThreadPool.UnsafeQueueUserWorkItem(static device => device.ConfigChanged?.Invoke(), this, preferLocal: false);
}
