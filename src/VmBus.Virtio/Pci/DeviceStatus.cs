namespace VmBus.Virtio.Pci;

/// <summary>Bits of the status register. Source: virtio 1.3, 2.1.</summary>
[Flags]
internal enum DeviceStatus
{
    Reset = 0,
    Acknowledge = 1,
    Driver = 2,
    DriverOk = 4,
    FeaturesOk = 8,
    NeedsReset = 64,
    Failed = 128,
}
