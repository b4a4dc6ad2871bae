using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Protocol.Virtio;
using VmBus.TestKit.Disks;
using VmBus.Virtio.Block;
using VmBus.Virtio.Mmio;
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
        Assert.Equal(1U, Read(MmioRegister.DeviceFeatures));
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

    private void Negotiate(uint low, uint high)
    {
        Write(MmioRegister.Status, (uint)DeviceStatus.Acknowledge);
        Write(MmioRegister.Status, (uint)(DeviceStatus.Acknowledge | DeviceStatus.Driver));
        Write(MmioRegister.DriverFeaturesSelect, 0);
        Write(MmioRegister.DriverFeatures, low);
        Write(MmioRegister.DriverFeaturesSelect, 1);
        Write(MmioRegister.DriverFeatures, high);
        Write(MmioRegister.Status, (uint)(DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk));
    }

    private void SetUpQueue(ulong descriptors = SplitDriver.DescriptorsAt)
    {
        Write(MmioRegister.QueueSelect, 0);
        Write(MmioRegister.QueueSize, 16);
        Write(MmioRegister.QueueDescriptorsLow, (uint)descriptors);
        Write(MmioRegister.QueueDescriptorsHigh, (uint)(descriptors >> 32));
        Write(MmioRegister.QueueDriverLow, (uint)SplitDriver.AvailableAt);
        Write(MmioRegister.QueueDeviceLow, (uint)SplitDriver.UsedAt);
        Write(MmioRegister.QueueReady, 1);
        Assert.Equal(1U, Read(MmioRegister.QueueReady));
    }

    private void OfferRead()
    {
        _driver.Describe(0, SplitDriver.Buffers, BlockRequestHeader.Size, DescriptorFlags.Next, 1);
        _driver.Describe(1, SplitDriver.Buffers + 512, 512, DescriptorFlags.Write | DescriptorFlags.Next, 2);
        _driver.Describe(2, SplitDriver.Buffers + 4096, 1, DescriptorFlags.Write);
        _driver.Offer(0);
    }

    private void Write(int offset, uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _device.Write(offset, bytes);
    }

    private uint Read(int offset)
    {
        byte[] bytes = new byte[4];
        _device.Read(offset, bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
