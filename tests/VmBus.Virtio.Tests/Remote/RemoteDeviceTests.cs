using System.Buffers.Binary;
using VmBus.Lanes;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Disks;
using VmBus.Virtio.Remote;
using VmBus.Virtio.Mmio;
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
    private readonly MmioTransport _device;

    public RemoteDeviceTests()
    {
        _lane = Lane.Start("remote-test", _log, new LaneOptions());
        _device = new MmioTransport(RemoteDevice.Open(DiskOptions.Parse($"vhost-user={_backEnd.Socket}"), _driver.Memory, 1, _log), _driver.Memory, [_lane], _log);
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
        Assert.Equal((2U, 2048U), (Read(_device, MmioRegister.DeviceId), Read(_device, MmioRegister.Config)));
        Assert.Equal(1U, Read(_device, MmioRegister.Config + BlockConfig.QueueCountOffset - 2) >> 16);
        Write(_device, MmioRegister.QueueSelect, 1);
        Assert.Equal(0U, Read(_device, MmioRegister.QueueSizeMaximum));
    }

    [Fact]
    public void Guest_and_back_end_share_rings_kicks_and_interrupts()
    {
        _backEnd.Disk.Content.AsSpan(0, 512).Fill(9);
        Start(_device);
        ReadFirstSector(_device, _driver);
        Assert.Equal([9, 9, 0], _driver.Read(SplitDriver.Buffers + 512 + 510, 3));
        Assert.Equal(MmioRegister.UsedInterrupt, Read(_device, MmioRegister.InterruptStatus));

        // Reset, as a guest that starts again does: the back-end has let go, and begins anew.
        Write(_device, MmioRegister.Status, 0);
        Assert.Equal(0, _backEnd.Disk.OpenQueues);
        Assert.Equal(0U, Read(_device, MmioRegister.InterruptStatus));
        _driver.Write(SplitDriver.AvailableAt, new byte[64]);
        _driver.Write(SplitDriver.UsedAt, new byte[64]);
        Start(_device);
        Assert.True(SpinWait.SpinUntil(() => _backEnd.Disk.OpenQueues == 1, Patience));
    }

    [Fact]
    public void Change_of_the_back_ends_configuration_is_the_guests()
    {
        Start(_device);
        _backEnd.Disk.Grow(2 << 20);
        Assert.True(_backEnd.Disk.RefreshGeometry());
        _backEnd.Server.TellConfigChanged();
        Assert.True(SpinWait.SpinUntil(() => (Read(_device, MmioRegister.InterruptStatus) & MmioRegister.ConfigInterrupt) != 0, Patience));
        Assert.Equal(4096U, Read(_device, MmioRegister.Config));
    }

    [Fact]
    public void Back_end_that_goes_makes_the_device_ask_for_a_reset_with_one_line()
    {
        Start(_device);
        _backEnd.End();
        Assert.True(SpinWait.SpinUntil(() => (Read(_device, MmioRegister.Status) & (uint)DeviceStatus.NeedsReset) != 0, Patience));
        _ = _log.WaitForLine("its back-end has gone");
        Assert.Equal(1, _log.Count("gone"));
        Write(_device, MmioRegister.Status, 0);
        Assert.Equal(0U, Read(_device, MmioRegister.Status));
    }

    /// <summary>Does what a driver does until its first queue runs.</summary>
    internal static void Start(MmioTransport device)
    {
        Write(device, MmioRegister.Status, (uint)(DeviceStatus.Acknowledge | DeviceStatus.Driver));
        Write(device, MmioRegister.DriverFeaturesSelect, 1);
        Write(device, MmioRegister.DriverFeatures, (uint)((ulong)VirtioFeatures.Version1 >> 32));
        Write(device, MmioRegister.Status, (uint)(DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk));
        Write(device, MmioRegister.QueueSelect, 0);
        Write(device, MmioRegister.QueueSize, 16);
        Write(device, MmioRegister.QueueDescriptorsLow, (uint)SplitDriver.DescriptorsAt);
        Write(device, MmioRegister.QueueDriverLow, (uint)SplitDriver.AvailableAt);
        Write(device, MmioRegister.QueueDeviceLow, (uint)SplitDriver.UsedAt);
        Write(device, MmioRegister.QueueReady, 1);
        Write(device, MmioRegister.Status, Read(device, MmioRegister.Status) | (uint)DeviceStatus.DriverOk);
        Assert.Equal((uint)(DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk | DeviceStatus.DriverOk), Read(device, MmioRegister.Status));
    }

    /// <summary>Reads 512 bytes to <see cref="SplitDriver.Buffers"/> + 512.</summary>
    internal static void ReadFirstSector(MmioTransport device, SplitDriver driver)
    {
        driver.Describe(0, SplitDriver.Buffers, BlockRequestHeader.Size, DescriptorFlags.Next, 1);
        driver.Describe(1, SplitDriver.Buffers + 512, 512, DescriptorFlags.Write | DescriptorFlags.Next, 2);
        driver.Describe(2, SplitDriver.Buffers + 4096, 1, DescriptorFlags.Write);
        driver.Offer(0);
        device.Kicks[0].Signal();
        Assert.True(SpinWait.SpinUntil(() => driver.UsedIndex == 1, Patience));
        Assert.True(device.Interrupt.Wait(Patience));
    }

    private static void Write(MmioTransport device, int offset, uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        device.Write(offset, bytes);
    }

    private static uint Read(MmioTransport device, int offset)
    {
        byte[] bytes = new byte[4];
        device.Read(offset, bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
