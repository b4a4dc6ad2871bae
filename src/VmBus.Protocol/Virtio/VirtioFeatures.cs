namespace VmBus.Protocol.Virtio;

/// <summary>Feature bits of virtio that are not of one device type, and the two that vhost-user lays over them.</summary>
/// <remarks>Source: virtio 1.3, 6 Reserved Feature Bits; protocol-spec/virtio.md#features.</remarks>
[Flags]
public enum VirtioFeatures : ulong
{
    /// <summary>No feature.</summary>
    None = 0,

    /// <summary>VHOST_F_LOG_ALL: what the device writes is marked in the front-end's log. Only between front-end and back-end.</summary>
    LogAll = 1UL << 26,

    /// <summary>VIRTIO_F_INDIRECT_DESC: a descriptor may name a table of descriptors.</summary>
    IndirectDescriptors = 1UL << 28,

    /// <summary>VIRTIO_F_EVENT_IDX: each side says at which index it wants to be signalled.</summary>
    EventIndex = 1UL << 29,

    /// <summary>VHOST_USER_F_PROTOCOL_FEATURES: there are protocol features. Only between front-end and back-end.</summary>
    ProtocolFeatures = 1UL << 30,

    /// <summary>VIRTIO_F_VERSION_1: not the legacy interface.</summary>
    Version1 = 1UL << 32,

    /// <summary>VIRTIO_F_RING_PACKED: queues are packed.</summary>
    PackedRing = 1UL << 34,
}
