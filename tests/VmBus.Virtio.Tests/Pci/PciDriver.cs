using System.Buffers.Binary;
using VmBus.Native.Linux;
using VmBus.Virtio.Pci;
using VmBus.Virtio.Tests.Queues;

namespace VmBus.Virtio.Tests.Pci;

/// <summary>A driver's accesses to the registers of a device on PCI, each of its register's length.</summary>
internal static class PciDriver
{
    internal const ulong Version1 = 1UL << 32;

    internal static uint ReadConfig(this PciTransport device, int offset) => device.Read(PciCapabilities.ConfigAt + offset, 4);

    internal static uint InterruptStatus(this PciTransport device) => device.Read(PciCapabilities.InterruptStatusAt, 1);

    internal static DeviceStatus Status(this PciTransport device) => (DeviceStatus)device.Read(CommonRegister.Status, 1);

    internal static void SetStatus(this PciTransport device, DeviceStatus value) => device.Write(CommonRegister.Status, (uint)value, 1);

    internal static uint Read(this PciTransport device, int offset, int bytes)
    {
        byte[] value = new byte[4];
        device.Read(offset, value.AsSpan(0, bytes));
        return BinaryPrimitives.ReadUInt32LittleEndian(value);
    }

    internal static void Write(this PciTransport device, int offset, uint value, int bytes)
    {
        byte[] data = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        device.Write(offset, data.AsSpan(0, bytes));
    }

    internal static void Negotiate(this PciTransport device, ulong features)
    {
        device.SetStatus(DeviceStatus.Acknowledge);
        device.SetStatus(DeviceStatus.Acknowledge | DeviceStatus.Driver);
        for (uint half = 0; half < 2; half++)
        {
            device.Write(CommonRegister.DriverFeaturesSelect, half, 4);
            device.Write(CommonRegister.DriverFeatures, (uint)(features >> (32 * (int)half)), 4);
        }

        device.SetStatus(DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk);
        device.Write(CommonRegister.ConfigVector, 0, 2);
    }

    /// <summary>Enables queue 0, whose interrupt is message 1.</summary>
    internal static void SetUpQueue(
        this PciTransport device, ulong descriptors = SplitDriver.DescriptorsAt, ulong driver = SplitDriver.AvailableAt, ulong written = SplitDriver.UsedAt, int size = 16)
    {
        device.Write(CommonRegister.QueueSelect, 0, 2);
        device.Write(CommonRegister.QueueSize, (uint)size, 2);
        device.Write(CommonRegister.QueueVector, 1, 2);
        device.Write(CommonRegister.QueueDescriptors, (uint)descriptors, 4);
        device.Write(CommonRegister.QueueDescriptors + 4, (uint)(descriptors >> 32), 4);
        device.Write(CommonRegister.QueueDriver, (uint)driver, 4);
        device.Write(CommonRegister.QueueDevice, (uint)written, 4);
        device.Write(CommonRegister.QueueEnable, 1, 2);
    }

    /// <summary>From reset to a running queue 0.</summary>
    internal static void Start(this PciTransport device)
    {
        device.Negotiate(Version1);
        device.SetUpQueue();
        device.SetStatus(device.Status() | DeviceStatus.DriverOk);
    }

    internal static EventFd Kick(this PciTransport device) => device.Doorbells[0].Target;

    internal static EventFd QueueMessage(this PciTransport device) => device.Messages[1];

    internal static EventFd ConfigMessage(this PciTransport device) => device.Messages[0];
}
