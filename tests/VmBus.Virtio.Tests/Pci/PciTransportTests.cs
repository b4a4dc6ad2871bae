using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Protocol.Virtio;
using VmBus.TestKit.Disks;
using VmBus.Virtio.Block;
using VmBus.Virtio.Pci;
using VmBus.Virtio.Queues;
using VmBus.Virtio.Tests.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Pci;

public sealed class PciTransportTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Lane _lane = Lane.Start("pci-test", NullLogger.Instance, new LaneOptions());
    private readonly FakeDisk _disk = new();
    private readonly SplitDriver _driver = new(size: 16);
    private readonly PciTransport _device;

    public PciTransportTests() => _device = new PciTransport(new BlockDevice(_disk, "serial", 2), _driver.Memory, [_lane], NullLogger.Instance);

    public void Dispose()
    {
        _device.Dispose();
        _lane.Dispose();
        _driver.Dispose();
    }

    [Fact]
    public void Registers_say_what_the_device_is()
    {
        Assert.Equal(2048U, _device.ReadConfig(0));
        _device.Write(CommonRegister.DeviceFeaturesSelect, 1, 4);
        Assert.Equal((uint)((ulong)Virtqueue.Features >> 32), _device.Read(CommonRegister.DeviceFeatures, 4));
        _device.Write(CommonRegister.DeviceFeaturesSelect, 2, 4);
        Assert.Equal(0U, _device.Read(CommonRegister.DeviceFeatures, 4));
        Assert.Equal(2U, _device.Read(CommonRegister.QueueCount, 2));
        _device.Write(CommonRegister.QueueSelect, 1, 2);
        Assert.Equal((1024U, 1U), (_device.Read(CommonRegister.QueueSize, 2), _device.Read(CommonRegister.QueueNotifyOffset, 2)));
        _device.Write(CommonRegister.QueueSelect, 2, 2);
        Assert.Equal(0U, _device.Read(CommonRegister.QueueSize, 2));
    }

    [Theory]
    [InlineData(PciDriver.Version1, true)]
    [InlineData(0UL, false)]
    [InlineData(PciDriver.Version1 | 1, false)]
    [InlineData(PciDriver.Version1 | (1UL << 63), false)]
    public void Features_that_are_not_offered_or_lack_version_1_are_not_agreed_on(ulong features, bool agreed)
    {
        _device.Negotiate(features);
        Assert.Equal(agreed, (_device.Status() & DeviceStatus.FeaturesOk) != 0);
    }

    [Fact]
    public void Request_is_served_and_the_guest_interrupted_by_the_message_of_its_queue()
    {
        Start();
        _disk.Content.AsSpan(0, 512).Fill(9);
        OfferRead();
        _device.Kick().Signal();

        Assert.True(_device.QueueMessage().Wait(Patience));
        Assert.False(_device.ConfigMessage().IsSignalled);
        Assert.Equal(0U, _device.InterruptStatus());
        Assert.Equal(1, _driver.UsedIndex);
        Assert.Equal([9, 9, 0], _driver.Read(SplitDriver.Buffers + 512 + 510, 3));
    }

    [Fact]
    public void Queue_without_a_message_says_in_the_interrupt_status_that_it_moved_until_that_is_read()
    {
        _device.Negotiate(PciDriver.Version1);
        _device.Write(CommonRegister.QueueSelect, 0, 2);
        _device.Write(CommonRegister.QueueSize, 16, 2);
        _device.Write(CommonRegister.QueueVector, 77, 2);
        Assert.Equal(CommonRegister.NoVector, _device.Read(CommonRegister.QueueVector, 2));
        _device.Write(CommonRegister.QueueDescriptors, (uint)SplitDriver.DescriptorsAt, 4);
        _device.Write(CommonRegister.QueueDriver, (uint)SplitDriver.AvailableAt, 4);
        _device.Write(CommonRegister.QueueDevice, (uint)SplitDriver.UsedAt, 4);
        _device.Write(CommonRegister.QueueEnable, 1, 2);
        _device.SetStatus(_device.Status() | DeviceStatus.DriverOk);
        OfferRead();
        _device.Kick().Signal();
        Assert.True(SpinWait.SpinUntil(() => _device.InterruptStatus() == 1, Patience));
        Assert.Equal(0U, _device.InterruptStatus());
        Assert.All(_device.Messages, static message => Assert.False(message.IsSignalled));
    }

    [Fact]
    public void Request_in_a_packed_ring_of_any_size_is_served_and_the_guest_interrupted()
    {
        using var driver = new PackedDriver(size: 5);
        using var device = new PciTransport(new BlockDevice(_disk, "serial", 1), driver.Memory, [_lane], NullLogger.Instance);
        _disk.Content.AsSpan(0, 512).Fill(9);
        device.Negotiate((ulong)(VirtioFeatures.Version1 | VirtioFeatures.PackedRing));
        device.SetUpQueue(PackedDriver.RingAt, PackedDriver.DriverEventAt, PackedDriver.DeviceEventAt, driver.Size);
        device.SetStatus(device.Status() | DeviceStatus.DriverOk);
        for (ushort round = 0; round < 7; round++)
        {
            driver.Offer(
                round,
                (PackedDriver.Buffers, BlockRequestHeader.Size, DescriptorFlags.None),
                (PackedDriver.Buffers + 512, 512, DescriptorFlags.Write),
                (PackedDriver.Buffers + 4096, 1, DescriptorFlags.Write));
            device.Kick().Signal();

            Assert.True(device.QueueMessage().Wait(Patience));
            Assert.Equal((round, 513U), driver.TakeUsed(_ => 3));
            Assert.Equal([9, 9, 0], driver.Read(PackedDriver.Buffers + 512 + 510, 3));
        }
    }

    [Fact]
    public void Kick_before_the_driver_is_ready_is_remembered()
    {
        _device.Negotiate(PciDriver.Version1);
        _device.SetUpQueue();
        OfferRead();
        _device.Kick().Signal();
        Assert.Equal(0, _disk.OpenQueues);
        _device.SetStatus(_device.Status() | DeviceStatus.DriverOk);
        Assert.True(_device.QueueMessage().Wait(Patience));
    }

    [Fact]
    public void Reset_leaves_nothing_under_way_and_the_power_on_state()
    {
        Start();
        _disk.Late = true;
        OfferRead();
        _device.Kick().Signal();
        Assert.True(SpinWait.SpinUntil(() => _disk.LateCount == 1, Patience));
        var reset = new Thread(() => _device.SetStatus(DeviceStatus.Reset));
        reset.Start();
        Assert.False(reset.Join(50));
        _lane.Invoke(_disk.CompleteAll);
        Assert.True(reset.Join(Patience));
        Assert.Equal(0, _disk.OpenQueues);
        Assert.Equal((DeviceStatus.Reset, 0U, 0U), (_device.Status(), _device.Read(CommonRegister.QueueEnable, 2), _device.InterruptStatus()));
        Assert.Equal(1024U, _device.Read(CommonRegister.QueueSize, 2));
        Assert.All(_device.Messages, static message => Assert.False(message.IsSignalled));

        _disk.Late = false;
        _driver.Write(SplitDriver.AvailableAt, new byte[64]);
        _driver.Write(SplitDriver.UsedAt, new byte[64]);
        Start();
    }

    [Theory]
    [InlineData(SplitDriver.DescriptorsAt + 8)]
    [InlineData(0x100000UL)]
    [InlineData(ulong.MaxValue - 15)]
    public void Queue_outside_memory_makes_the_device_ask_for_a_reset(ulong descriptors)
    {
        _device.Negotiate(PciDriver.Version1);
        _device.SetUpQueue(descriptors);
        _device.SetStatus(_device.Status() | DeviceStatus.DriverOk);
        Assert.NotEqual(DeviceStatus.Reset, _device.Status() & DeviceStatus.NeedsReset);
        Assert.True(_device.ConfigMessage().Wait(Patience));
        _device.SetStatus(DeviceStatus.Reset);
        Assert.Equal(DeviceStatus.Reset, _device.Status());
    }

    [Fact]
    public void Size_of_a_packed_ring_is_none_of_a_split_one_even_when_it_was_chosen_first()
    {
        _device.Write(CommonRegister.DriverFeaturesSelect, 1, 4);
        _device.Write(CommonRegister.DriverFeatures, (uint)((ulong)VirtioFeatures.PackedRing >> 32), 4);
        _device.Write(CommonRegister.QueueSize, 5, 2);
        Assert.Equal(5U, _device.Read(CommonRegister.QueueSize, 2));
        _device.Negotiate(PciDriver.Version1);
        _device.Write(CommonRegister.QueueDescriptors, (uint)SplitDriver.DescriptorsAt, 4);
        _device.Write(CommonRegister.QueueDriver, (uint)SplitDriver.AvailableAt, 4);
        _device.Write(CommonRegister.QueueDevice, (uint)SplitDriver.UsedAt, 4);
        _device.Write(CommonRegister.QueueEnable, 1, 2);
        _device.SetStatus(_device.Status() | DeviceStatus.DriverOk);
        Assert.NotEqual(DeviceStatus.Reset, _device.Status() & DeviceStatus.NeedsReset);
        Assert.Equal(0, _disk.OpenQueues);
    }

    [Fact]
    public void Ring_that_the_driver_breaks_makes_the_device_ask_for_a_reset()
    {
        Start();
        _driver.SetAvailableIndex(0x7FFF);
        _device.Kick().Signal();
        Assert.True(_device.ConfigMessage().Wait(Patience));
        Assert.NotEqual(DeviceStatus.Reset, _device.Status() & DeviceStatus.NeedsReset);
        Assert.Equal(2U, _device.InterruptStatus());
    }

    [Fact]
    public void Change_of_the_configuration_is_told_with_another_generation()
    {
        Start();
        uint generation = _device.Read(CommonRegister.ConfigGeneration, 1);
        _disk.Grow(2 << 20);
        Assert.True(_disk.RefreshGeometry());
        _device.TellConfigChanged();
        Assert.True(_device.ConfigMessage().Wait(Patience));
        Assert.Equal(4096U, _device.ReadConfig(0));
        Assert.NotEqual(generation, _device.Read(CommonRegister.ConfigGeneration, 1));
        Assert.Equal((2U, 0U), (_device.InterruptStatus(), _device.InterruptStatus()));
    }

    [Fact]
    public void Write_cache_is_the_drivers_to_choose()
    {
        _device.Write(PciCapabilities.ConfigAt + BlockConfig.WriteBackOffset, 0, 1);
        Assert.Equal(0U, _device.ReadConfig(BlockConfig.WriteBackOffset) & 0xFF);
        _device.Write(PciCapabilities.ConfigAt, 0, 1);
        Assert.Equal(2048U, _device.ReadConfig(0));
    }

    [Fact]
    public void Enabled_queue_stays_where_it_is_until_the_device_is_reset()
    {
        Start();
        _device.Write(CommonRegister.QueueDriver, 0x4000, 4);
        _device.Write(CommonRegister.QueueSize, 8, 2);
        _device.Write(CommonRegister.QueueEnable, 0, 2);
        Assert.Equal((uint)SplitDriver.AvailableAt, _device.Read(CommonRegister.QueueDriver, 4));
        Assert.Equal((16U, 1U), (_device.Read(CommonRegister.QueueSize, 2), _device.Read(CommonRegister.QueueEnable, 2)));
    }

    [Fact]
    public void Accesses_of_any_kind_anywhere_do_no_harm()
    {
        var random = new Random(11);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] value = new byte[1 << random.Next(4)];
            random.NextBytes(value);
            int offset = random.Next(3) == 0 ? random.Next(0x4000) : random.Next(CommonRegister.Bytes);
            if (random.Next(2) == 0 && value.Length == 2) (value[0], value[1]) = ((byte)random.Next(16), 0);
            _device.Write(offset, value);
            _device.Read(offset, value);
        }

        _device.SetStatus(DeviceStatus.Reset);
        Assert.Equal(DeviceStatus.Reset, _device.Status());
        Assert.Equal(0, _disk.OpenQueues);
    }

    private void Start()
    {
        _device.Start();
        Assert.Equal(1, _disk.OpenQueues);
    }

    private void OfferRead()
    {
        _driver.Describe(0, SplitDriver.Buffers, BlockRequestHeader.Size, DescriptorFlags.Next, 1);
        _driver.Describe(1, SplitDriver.Buffers + 512, 512, DescriptorFlags.Write | DescriptorFlags.Next, 2);
        _driver.Describe(2, SplitDriver.Buffers + 4096, 1, DescriptorFlags.Write);
        _driver.Offer(0);
    }
}
