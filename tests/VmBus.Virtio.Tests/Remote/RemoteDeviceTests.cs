using VmBus.Lanes;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Disks;
using VmBus.Virtio.Pci;
using VmBus.Virtio.Remote;
using VmBus.Virtio.Tests.Pci;
using VmBus.Virtio.Tests.Queues;
using VmBus.Virtio.Tests.VhostUser;
using Xunit;

namespace VmBus.Virtio.Tests.Remote;

/// <summary>A virtio device of a partition whose rings a back-end works on: this project's own server stands for it.</summary>
public sealed class RemoteDeviceTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Export _backEnd = new();
    private readonly Export _log = new();
    private readonly Lane _lane;
    private readonly SplitDriver _driver = new(size: 16);
    private readonly PciTransport _device;

    public RemoteDeviceTests()
    {
        _lane = Lane.Start("remote-test", _log, new LaneOptions());
        _device = new PciTransport(RemoteDevice.Open(DiskOptions.Parse($"vhost-user={_backEnd.Socket}"), _driver.Memory, 1, _log), _driver.Memory, [_lane], _log);
    }

    public void Dispose()
    {
        _device.Dispose();
        _lane.Dispose();
        _driver.Dispose();
        _backEnd.Dispose();
        _log.Dispose();
    }

    [Fact]
    public void Configuration_is_the_back_ends_but_for_the_number_of_queues()
    {
        Assert.Equal((VirtioDeviceType.Block, 2048U), (_device.Type, _device.ReadConfig(0)));
        Assert.Equal(1U, _device.ReadConfig(BlockConfig.QueueCountOffset - 2) >> 16);
        Assert.Equal(1U, _device.Read(CommonRegister.QueueCount, 2));
    }

    [Fact]
    public void Guest_and_back_end_share_rings_kicks_and_interrupts()
    {
        _backEnd.Disk.Content.AsSpan(0, 512).Fill(9);
        _device.Start();
        ReadFirstSector(_device, _driver);
        Assert.Equal([9, 9, 0], _driver.Read(SplitDriver.Buffers + 512 + 510, 3));

        // Reset, as a guest that starts again does: the back-end has let go, and begins anew.
        _device.SetStatus(DeviceStatus.Reset);
        Assert.Equal(0, _backEnd.Disk.OpenQueues);
        _driver.Write(SplitDriver.AvailableAt, new byte[64]);
        _driver.Write(SplitDriver.UsedAt, new byte[64]);
        _device.Start();
        Assert.True(SpinWait.SpinUntil(() => _backEnd.Disk.OpenQueues == 1, Patience));
    }

    [Fact]
    public void Change_of_the_back_ends_configuration_is_the_guests()
    {
        _device.Start();
        _backEnd.Disk.Grow(2 << 20);
        Assert.True(_backEnd.Disk.RefreshGeometry());
        _backEnd.Server.TellConfigChanged();
        Assert.True(_device.ConfigMessage().Wait(Patience));
        Assert.Equal(4096U, _device.ReadConfig(0));
    }

    [Fact]
    public void Back_end_that_goes_makes_the_device_ask_for_a_reset_with_one_line()
    {
        _device.Start();
        _backEnd.End();
        Assert.True(SpinWait.SpinUntil(() => (_device.Status() & DeviceStatus.NeedsReset) != 0, Patience));
        _ = _log.WaitForLine("its back-end has gone");
        Assert.Equal(1, _log.Count("gone"));
        _device.SetStatus(DeviceStatus.Reset);
        Assert.Equal(DeviceStatus.Reset, _device.Status());
    }

    /// <summary>Reads 512 bytes to <see cref="SplitDriver.Buffers"/> + 512.</summary>
    internal static void ReadFirstSector(PciTransport device, SplitDriver driver)
    {
        driver.Describe(0, SplitDriver.Buffers, BlockRequestHeader.Size, DescriptorFlags.Next, 1);
        driver.Describe(1, SplitDriver.Buffers + 512, 512, DescriptorFlags.Write | DescriptorFlags.Next, 2);
        driver.Describe(2, SplitDriver.Buffers + 4096, 1, DescriptorFlags.Write);
        driver.Offer(0);
        device.Kick().Signal();
        Assert.True(SpinWait.SpinUntil(() => driver.UsedIndex == 1, Patience));
        Assert.True(device.QueueMessage().Wait(Patience));
    }
}
