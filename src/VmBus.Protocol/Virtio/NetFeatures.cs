namespace VmBus.Protocol.Virtio;

/// <summary>Feature bits of a network adapter. "Guest" is what the driver takes, "Host" what the device takes. Source: virtio 1.3, 5.1.3.</summary>
[Flags]
public enum NetFeatures : ulong
{
    /// <summary>No feature.</summary>
    None = 0,

    /// <summary>VIRTIO_NET_F_CSUM: the device takes frames without a checksum.</summary>
    HostChecksum = 1UL << 0,

    /// <summary>VIRTIO_NET_F_GUEST_CSUM: the driver takes frames without a checksum.</summary>
    GuestChecksum = 1UL << 1,

    /// <summary>VIRTIO_NET_F_MTU: <see cref="NetConfig.Mtu"/> is valid.</summary>
    Mtu = 1UL << 3,

    /// <summary>VIRTIO_NET_F_MAC: <see cref="NetConfig"/> has the address.</summary>
    Mac = 1UL << 5,

    /// <summary>VIRTIO_NET_F_GUEST_TSO4.</summary>
    GuestTcp4 = 1UL << 7,

    /// <summary>VIRTIO_NET_F_GUEST_TSO6.</summary>
    GuestTcp6 = 1UL << 8,

    /// <summary>VIRTIO_NET_F_HOST_TSO4.</summary>
    HostTcp4 = 1UL << 11,

    /// <summary>VIRTIO_NET_F_HOST_TSO6.</summary>
    HostTcp6 = 1UL << 12,

    /// <summary>VIRTIO_NET_F_MRG_RXBUF: a frame may take several buffers.</summary>
    MergeableBuffers = 1UL << 15,

    /// <summary>VIRTIO_NET_F_STATUS: <see cref="NetConfig.Status"/> is valid.</summary>
    Status = 1UL << 16,

    /// <summary>VIRTIO_NET_F_CTRL_VQ: there is a control queue.</summary>
    ControlQueue = 1UL << 17,

    /// <summary>VIRTIO_NET_F_CTRL_RX: it takes receive modes.</summary>
    ControlReceive = 1UL << 18,

    /// <summary>VIRTIO_NET_F_CTRL_VLAN: it takes VLANs, and frames of others are not wanted.</summary>
    ControlVlan = 1UL << 19,

    /// <summary>VIRTIO_NET_F_MQ: several pairs of queues.</summary>
    MultiQueue = 1UL << 22,

    /// <summary>VIRTIO_NET_F_CTRL_MAC_ADDR: the control queue takes an address.</summary>
    ControlAddress = 1UL << 23,

    /// <summary>VIRTIO_NET_F_GUEST_USO4.</summary>
    GuestUdp4 = 1UL << 54,

    /// <summary>VIRTIO_NET_F_GUEST_USO6.</summary>
    GuestUdp6 = 1UL << 55,

    /// <summary>VIRTIO_NET_F_HOST_USO.</summary>
    HostUdp = 1UL << 56,
}
