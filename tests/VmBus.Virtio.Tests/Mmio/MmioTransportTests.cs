using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Protocol.Virtio;
using VmBus.TestKit.Disks;
using VmBus.Virtio.Block;
using VmBus.Virtio.Mmio;
using VmBus.Virtio.Queues;
using VmBus.Virtio.Tests.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Mmio;

public sealed class MmioTransportTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Lane _lane = Lane.Start("mmio-test", NullLogger.Instance, new LaneOptions());
    private readonly FakeDisk _disk = new();
    private readonly SplitDriver _driver = new(size: 16);
    private readonly MmioTransport _device;

    public MmioTransportTests() => _device = new MmioTransport(new BlockDevice(_disk, "serial", 2), _driver.Memory, [_lane], NullLogger.Instance);

    public void Dispose()
    {
        _device.Dispose();
        _lane.Dispose();
        _driver.Dispose();
    }

    [Fact]
    public void Page_says_what_the_device_is()
    {
        Assert.Equal((MmioRegister.MagicValue, 2U, 2U), (Read(MmioRegister.Magic), Read(MmioRegister.Version), Read(MmioRegister.DeviceId)));
        Assert.Equal(2048U, Read(MmioRegister.Config));
        Write(MmioRegister.DeviceFeaturesSelect, 1);
        Assert.Equal((uint)((ulong)Virtqueue.Features >> 32), Read(MmioRegister.DeviceFeatures));
        Write(MmioRegister.DeviceFeaturesSelect, 2);
        Assert.Equal(0U, Read(MmioRegister.DeviceFeatures));
        Write(MmioRegister.QueueSelect, 1);
        Assert.Equal(1024U, Read(MmioRegister.QueueSizeMaximum));
        Write(MmioRegister.QueueSelect, 2);
        Assert.Equal(0U, Read(MmioRegister.QueueSizeMaximum));
    }

    [Theory]
    [InlineData(0U, 1U, true)]
    [InlineData(0U, 0U, false)]
    [InlineData(1U, 1U, false)]
    [InlineData(0U, 0x8000_0001U, false)]
    public void Features_that_are_not_offered_or_lack_version_1_are_not_agreed_on(uint low, uint high, bool agreed)
    {
        Negotiate(low, high);
        Assert.Equal(agreed, (Read(MmioRegister.Status) & (uint)DeviceStatus.FeaturesOk) != 0);
    }

    [Fact]
    public void Request_is_served_and_the_guest_interrupted()
    {
        Start();
        _disk.Content.AsSpan(0, 512).Fill(9);
        OfferRead();
        _device.Kicks[0].Signal();

        Assert.True(_device.Interrupt.Wait(Patience));
        Assert.Equal(MmioRegister.UsedInterrupt, Read(MmioRegister.InterruptStatus));
        Assert.Equal(1, _driver.UsedIndex);
        Assert.Equal([9, 9, 0], _driver.Read(SplitDriver.Buffers + 512 + 510, 3));
    }

    [Fact]
    public void Request_in_a_packed_ring_of_any_size_is_served_and_the_guest_interrupted()
    {
        const uint Packed = (uint)((ulong)(VirtioFeatures.Version1 | VirtioFeatures.PackedRing) >> 32);
        using var driver = new PackedDriver(size: 5);
        using var device = new MmioTransport(new BlockDevice(_disk, "serial", 1), driver.Memory, [_lane], NullLogger.Instance);
        _disk.Content.AsSpan(0, 512).Fill(9);
        Negotiate(0, Packed, device);
        SetUpQueue(PackedDriver.RingAt, PackedDriver.DriverEventAt, PackedDriver.DeviceEventAt, driver.Size, device);
        Write(MmioRegister.Status, Read(MmioRegister.Status, device) | (uint)DeviceStatus.DriverOk, device);
        for (ushort round = 0; round < 7; round++)
        {
            driver.Offer(
                round,
                (PackedDriver.Buffers, BlockRequestHeader.Size, DescriptorFlags.None),
                (PackedDriver.Buffers + 512, 512, DescriptorFlags.Write),
                (PackedDriver.Buffers + 4096, 1, DescriptorFlags.Write));
            device.Kicks[0].Signal();

            Assert.True(device.Interrupt.Wait(Patience));
            Assert.Equal((round, 513U), driver.TakeUsed(_ => 3));
            Assert.Equal([9, 9, 0], driver.Read(PackedDriver.Buffers + 512 + 510, 3));
        }
    }

    [Fact]
    public void Kick_before_the_driver_is_ready_is_remembered()
    {
        Negotiate(0, 1);
        SetUpQueue();
        OfferRead();
        _device.Kicks[0].Signal();
        Assert.Equal(0, _disk.OpenQueues);
        Write(MmioRegister.Status, Read(MmioRegister.Status) | (uint)DeviceStatus.DriverOk);
        Assert.True(_device.Interrupt.Wait(Patience));
    }

    [Fact]
    public void Reset_leaves_nothing_under_way_and_the_power_on_state()
    {
        Start();
        _disk.Late = true;
        OfferRead();
        _device.Kicks[0].Signal();
        Assert.True(SpinWait.SpinUntil(() => _disk.LateCount == 1, Patience));
        var reset = new Thread(() => Write(MmioRegister.Status, 0));
        reset.Start();
        Assert.False(reset.Join(50));
        _lane.Invoke(_disk.CompleteAll);
        Assert.True(reset.Join(Patience));
        Assert.Equal(0, _disk.OpenQueues);
        Assert.Equal((0U, 0U, 0U), (Read(MmioRegister.Status), Read(MmioRegister.QueueReady), Read(MmioRegister.InterruptStatus)));

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
        Negotiate(0, 1);
        SetUpQueue(descriptors);
        Write(MmioRegister.Status, Read(MmioRegister.Status) | (uint)DeviceStatus.DriverOk);
        Assert.NotEqual(0U, Read(MmioRegister.Status) & (uint)DeviceStatus.NeedsReset);
        Assert.True(_device.Interrupt.Wait(Patience));
        Write(MmioRegister.Status, 0);
        Assert.Equal(0U, Read(MmioRegister.Status));
    }

    [Fact]
    public void Ring_that_the_driver_breaks_makes_the_device_ask_for_a_reset()
    {
        Start();
        _driver.SetAvailableIndex(0x7FFF);
        _device.Kicks[0].Signal();
        Assert.True(_device.Interrupt.Wait(Patience));
        Assert.NotEqual(0U, Read(MmioRegister.Status) & (uint)DeviceStatus.NeedsReset);
        Assert.NotEqual(0U, Read(MmioRegister.InterruptStatus) & MmioRegister.ConfigInterrupt);
    }

    [Fact]
    public void Change_of_the_configuration_is_told_until_the_guest_has_seen_it()
    {
        Start();
        uint generation = Read(MmioRegister.ConfigGeneration);
        _disk.Grow(2 << 20);
        Assert.True(_disk.RefreshGeometry());
        _device.TellConfigChanged();
        Assert.True(_device.Interrupt.Wait(Patience));
        Assert.Equal(4096U, Read(MmioRegister.Config));
        Assert.NotEqual(generation, Read(MmioRegister.ConfigGeneration));
        Assert.NotEqual(0U, Read(MmioRegister.InterruptStatus) & MmioRegister.ConfigInterrupt);
        _device.Acknowledge.Signal();
        _device.Acknowledge.Signal();
        Assert.True(SpinWait.SpinUntil(() => (Read(MmioRegister.InterruptStatus) & MmioRegister.ConfigInterrupt) == 0, Patience));
    }

    [Fact]
    public void Write_cache_is_the_drivers_to_choose()
    {
        _device.Write(MmioRegister.Config + BlockConfig.WriteBackOffset, [0]);
        Assert.Equal(0U, Read(MmioRegister.Config + BlockConfig.WriteBackOffset) & 0xFF);
        _device.Write(MmioRegister.Config, [0]);
        Assert.Equal(2048U, Read(MmioRegister.Config));
    }

    [Fact]
    public void Writes_of_any_kind_anywhere_do_no_harm()
    {
        var random = new Random(11);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] value = new byte[1 << random.Next(4)];
            random.NextBytes(value);
            int offset = random.Next(3) == 0 ? random.Next(4096) : random.Next(64) * 4;
            if (random.Next(2) == 0 && value.Length == 4) BinaryPrimitives.WriteUInt32LittleEndian(value, (uint)random.Next(16));
            _device.Write(offset, value);
            _device.Read(offset, value);
        }

        Write(MmioRegister.Status, 0);
        Assert.Equal(MmioRegister.MagicValue, Read(MmioRegister.Magic));
        Assert.Equal(0, _disk.OpenQueues);
    }

    private void Start()
    {
        Negotiate(0, 1);
        SetUpQueue();
        Write(MmioRegister.Status, Read(MmioRegister.Status) | (uint)DeviceStatus.DriverOk);
        Assert.Equal(1, _disk.OpenQueues);
    }

    private void Negotiate(uint low, uint high, MmioTransport? device = null)
    {
        Write(MmioRegister.Status, (uint)DeviceStatus.Acknowledge, device);
        Write(MmioRegister.Status, (uint)(DeviceStatus.Acknowledge | DeviceStatus.Driver), device);
        Write(MmioRegister.DriverFeaturesSelect, 0, device);
        Write(MmioRegister.DriverFeatures, low, device);
        Write(MmioRegister.DriverFeaturesSelect, 1, device);
        Write(MmioRegister.DriverFeatures, high, device);
        Write(MmioRegister.Status, (uint)(DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk), device);
    }

    private void SetUpQueue(
        ulong descriptors = SplitDriver.DescriptorsAt,
        ulong driver = SplitDriver.AvailableAt,
        ulong used = SplitDriver.UsedAt,
        int size = 16,
        MmioTransport? device = null)
    {
        Write(MmioRegister.QueueSelect, 0, device);
        Write(MmioRegister.QueueSize, (uint)size, device);
        Write(MmioRegister.QueueDescriptorsLow, (uint)descriptors, device);
        Write(MmioRegister.QueueDescriptorsHigh, (uint)(descriptors >> 32), device);
        Write(MmioRegister.QueueDriverLow, (uint)driver, device);
        Write(MmioRegister.QueueDeviceLow, (uint)used, device);
        Write(MmioRegister.QueueReady, 1, device);
        Assert.Equal(1U, Read(MmioRegister.QueueReady, device));
    }

    private void OfferRead()
    {
        _driver.Describe(0, SplitDriver.Buffers, BlockRequestHeader.Size, DescriptorFlags.Next, 1);
        _driver.Describe(1, SplitDriver.Buffers + 512, 512, DescriptorFlags.Write | DescriptorFlags.Next, 2);
        _driver.Describe(2, SplitDriver.Buffers + 4096, 1, DescriptorFlags.Write);
        _driver.Offer(0);
    }

    private void Write(int offset, uint value, MmioTransport? device = null)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        (device ?? _device).Write(offset, bytes);
    }

    private uint Read(int offset, MmioTransport? device = null)
    {
        byte[] bytes = new byte[4];
        (device ?? _device).Read(offset, bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
