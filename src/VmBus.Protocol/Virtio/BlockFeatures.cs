namespace VmBus.Protocol.Virtio;

/// <summary>Feature bits of a block device. Source: virtio 1.3, 5.2.3.</summary>
[Flags]
public enum BlockFeatures : ulong
{
    /// <summary>No feature.</summary>
    None = 0,

    /// <summary>VIRTIO_BLK_F_SEG_MAX: <see cref="BlockConfig.MaximumSegments"/> is valid.</summary>
    MaximumSegments = 1UL << 2,

    /// <summary>VIRTIO_BLK_F_RO: writes are refused.</summary>
    ReadOnly = 1UL << 5,

    /// <summary>VIRTIO_BLK_F_BLK_SIZE: <see cref="BlockConfig.BlockBytes"/> is valid.</summary>
    BlockSize = 1UL << 6,

    /// <summary>VIRTIO_BLK_F_FLUSH: there is a flush command.</summary>
    Flush = 1UL << 9,

    /// <summary>VIRTIO_BLK_F_TOPOLOGY: physical block and alignment are valid.</summary>
    Topology = 1UL << 10,

    /// <summary>VIRTIO_BLK_F_CONFIG_WCE: the driver may switch between write-back and write-through.</summary>
    ConfigWriteCache = 1UL << 11,

    /// <summary>VIRTIO_BLK_F_MQ: several queues.</summary>
    MultiQueue = 1UL << 12,

    /// <summary>VIRTIO_BLK_F_DISCARD: there is a discard command.</summary>
    Discard = 1UL << 13,

    /// <summary>VIRTIO_BLK_F_WRITE_ZEROES: there is a command that writes zeroes.</summary>
    WriteZeroes = 1UL << 14,
}
