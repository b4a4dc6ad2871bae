namespace VmBus.Virtio.Pci;

/// <summary>Offsets of the registers that all virtio devices on PCI have. Source: virtio 1.3, 4.1.4.3.</summary>
internal static class CommonRegister
{
    public const int DeviceFeaturesSelect = 0x00;
    public const int DeviceFeatures = 0x04;
    public const int DriverFeaturesSelect = 0x08;
    public const int DriverFeatures = 0x0C;
    public const int ConfigVector = 0x10;
    public const int QueueCount = 0x12;
    public const int Status = 0x14;
    public const int ConfigGeneration = 0x15;
    public const int QueueSelect = 0x16;
    public const int QueueSize = 0x18;
    public const int QueueVector = 0x1A;
    public const int QueueEnable = 0x1C;
    public const int QueueNotifyOffset = 0x1E;
    public const int QueueDescriptors = 0x20;
    public const int QueueDriver = 0x28;
    public const int QueueDevice = 0x30;

    /// <summary>Bytes of all of them.</summary>
    public const int Bytes = 0x38;

    /// <summary>No interrupt.</summary>
    public const ushort NoVector = 0xFFFF;
}
