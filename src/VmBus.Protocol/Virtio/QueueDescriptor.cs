namespace VmBus.Protocol.Virtio;

/// <summary>Flags of a descriptor. Source: virtio 1.3, 2.7.5.</summary>
[Flags]
public enum DescriptorFlags : ushort
{
    /// <summary>Read by the device, the last of its chain.</summary>
    None = 0,

    /// <summary>VIRTQ_DESC_F_NEXT: the chain goes on.</summary>
    Next = 1,

    /// <summary>VIRTQ_DESC_F_WRITE: written by the device.</summary>
    Write = 2,

    /// <summary>VIRTQ_DESC_F_INDIRECT: names a table of descriptors.</summary>
    Indirect = 4,

    /// <summary>VIRTQ_DESC_F_AVAIL, in a packed ring: the driver's wrap counter when it was made available.</summary>
    Available = 1 << 7,

    /// <summary>VIRTQ_DESC_F_USED, in a packed ring: not the driver's wrap counter until it was used.</summary>
    Used = 1 << 15,
}

/// <summary>When a side of a packed ring wants to be signalled: the upper half of its event structure. Source: virtio 1.3, 2.8.14.</summary>
public enum RingEvent : ushort
{
    /// <summary>Always.</summary>
    Enable = 0,

    /// <summary>Never.</summary>
    Disable = 1,

    /// <summary>When the other side passes the position in the lower half. Only with the event index.</summary>
    Position = 2,
}

/// <summary>Layout of virtqueues: sizes of their parts and offsets in them, bytes.</summary>
/// <remarks>Source: virtio 1.3, 2.7 Split Virtqueues and 2.8 Packed Virtqueues.</remarks>
public static class QueueLayout
{
    /// <summary>Bytes of a descriptor.</summary>
    public const int DescriptorBytes = 16;

    /// <summary>Bytes of an element of the used ring.</summary>
    public const int UsedElementBytes = 8;

    /// <summary>Most descriptors of a queue.</summary>
    public const int MaximumSize = 32768;

    /// <summary>VIRTQ_AVAIL_F_NO_INTERRUPT: the driver wants no interrupt.</summary>
    public const ushort NoInterrupt = 1;

    /// <summary>VIRTQ_USED_F_NO_NOTIFY: the device wants no notification.</summary>
    public const ushort NoNotify = 1;

    /// <summary>Bytes of the split queue's available ring, with its used_event.</summary>
    public static int AvailableBytes(int size) => 6 + (2 * size);

    /// <summary>Bytes of the split queue's used ring, with its avail_event.</summary>
    public static int UsedBytes(int size) => 6 + (UsedElementBytes * size);

    /// <summary>Bytes of an event structure of a packed queue: position u16 with the wrap counter in bit 15, <see cref="RingEvent"/> u16.</summary>
    public const int EventBytes = 4;

    /// <summary>Offset of an element of the available ring.</summary>
    public static int AvailableElement(int index) => 4 + (2 * index);

    /// <summary>Offset of an element of the used ring.</summary>
    public static int UsedElement(int index) => 4 + (UsedElementBytes * index);
}
