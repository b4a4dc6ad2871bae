namespace VmBus.Virtio.Mmio;

/// <summary>Offsets of the registers of a virtio-mmio device, version 2. Source: virtio 1.3, 4.2.2.</summary>
internal static class MmioRegister
{
    public const int Magic = 0x000;
    public const int Version = 0x004;
    public const int DeviceId = 0x008;
    public const int VendorId = 0x00C;
    public const int DeviceFeatures = 0x010;
    public const int DeviceFeaturesSelect = 0x014;
    public const int DriverFeatures = 0x020;
    public const int DriverFeaturesSelect = 0x024;
    public const int QueueSelect = 0x030;
    public const int QueueSizeMaximum = 0x034;
    public const int QueueSize = 0x038;
    public const int QueueReady = 0x044;
    public const int QueueNotify = 0x050;
    public const int InterruptStatus = 0x060;
    public const int InterruptAcknowledge = 0x064;
    public const int Status = 0x070;
    public const int QueueDescriptorsLow = 0x080;
    public const int QueueDescriptorsHigh = 0x084;
    public const int QueueDriverLow = 0x090;
    public const int QueueDriverHigh = 0x094;
    public const int QueueDeviceLow = 0x0A0;
    public const int QueueDeviceHigh = 0x0A4;
    public const int SharedMemoryFirst = 0x0B0;
    public const int SharedMemoryLast = 0x0BC;
    public const int ConfigGeneration = 0x0FC;
    public const int Config = 0x100;

    /// <summary>"virt".</summary>
    public const uint MagicValue = 0x7472_6976;

    /// <summary>Not the legacy interface.</summary>
    public const uint VersionValue = 2;

    /// <summary>"VMBS".</summary>
    public const uint VendorValue = 0x5342_4D56;

    /// <summary>InterruptStatus: a used ring has moved.</summary>
    public const uint UsedInterrupt = 1;

    /// <summary>InterruptStatus: the configuration space has changed.</summary>
    public const uint ConfigInterrupt = 2;
}

/// <summary>Bits of the status register. Source: virtio 1.3, 2.1.</summary>
[Flags]
internal enum DeviceStatus : uint
{
    Reset = 0,
    Acknowledge = 1,
    Driver = 2,
    DriverOk = 4,
    FeaturesOk = 8,
    NeedsReset = 64,
    Failed = 128,
}
