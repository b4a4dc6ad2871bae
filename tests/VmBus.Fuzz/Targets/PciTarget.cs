using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Fuzz.Engine;
using VmBus.Lanes;
using VmBus.TestKit.Disks;
using VmBus.Virtio.Block;
using VmBus.Virtio.Pci;
using VmBus.Virtio.Tests.Pci;
using VmBus.Virtio.Tests.Queues;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>The registers of a virtio device on PCI: reads and writes of any width anywhere. After a reset the device begins anew.</summary>
internal sealed class PciTarget : IFuzzTarget
{
    private readonly Lane _lane = Lane.Start("fuzz-pci", NullLogger.Instance, new LaneOptions());
    private readonly SplitDriver _driver = new();
    private readonly PciTransport _device;

    public PciTarget() => _device = new PciTransport(new BlockDevice(new FakeDisk(), "serial", 2), _driver.Memory, [_lane], NullLogger.Instance);

    public string Name => "virtio-pci";

    public string What => "registers of virtio devices on PCI";

    public IEnumerable<byte[]> Seeds => [[2, 0, 20, 1, 1, 20, 3], [1, 20, 1, 0, 1, 22, 2, 0, 3, 0, 0, 0, 1, 28, 2, 1], [2, 3, 1, 20, 1, 0], [0, 0, 0, 4, 0, 4, 0, 4]];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        Span<byte> data = stackalloc byte[8];
        while (!steps.IsEmpty)
        {
            switch (steps.Byte() % 6)
            {
                case 0:
                    // The registers, most times, or anything of the page.
                    int at = (steps.Byte() & 3) == 3 ? steps.UInt16() & 0x3FFF : steps.Below(64);
                    _device.Read(at, data[..(1 + (steps.Byte() & 7))]);
                    break;
                case 1:
                    int offset = steps.Below(64), bytes = 1 << (steps.Byte() & 3);
                    System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(data, steps.Number());
                    _device.Write(offset, data[..bytes]);
                    break;
                case 2:
                    _device.Negotiate(PciDriver.Version1 | ((steps.Byte() & 1) != 0 ? 1UL << 29 : 0));
                    break;
                case 3:
                    _device.SetUpQueue(driver: SplitDriver.AvailableAt + steps.Number(), size: 1 << (steps.Byte() & 15));
                    _device.SetStatus(_device.Status() | DeviceStatus.DriverOk);
                    break;
                case 4:
                    _device.Write(steps.UInt16() & 0x3FFF, steps.Block(8));
                    break;
                default:
                    _device.TellConfigChanged();
                    break;
            }
        }

        _device.SetStatus(DeviceStatus.Reset);
        // A queue that is stopped lets the device be reset when it has ended.
        Must(SpinWait.SpinUntil(() => _device.Status() == DeviceStatus.Reset, TimeSpan.FromSeconds(10)), "A device that is reset stays as it was.");
        _device.Negotiate(PciDriver.Version1);
        Must((_device.Status() & (DeviceStatus.FeaturesOk | DeviceStatus.NeedsReset)) == DeviceStatus.FeaturesOk, "A device that was reset does not begin anew.");
        _device.SetStatus(DeviceStatus.Reset);
    }

    public void Dispose()
    {
        _device.Dispose();
        _lane.Dispose();
        _driver.Dispose();
    }
}
