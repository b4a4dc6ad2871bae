using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Disks;
using VmBus.TestKit.Disks;
using VmBus.TestKit.VhostUser;
using VmBus.Virtio.Block;
using VmBus.Virtio.Tests.VhostUser;
using Xunit;

namespace VmBus.Virtio.Tests.Block;

public sealed class BlockDeviceTests : IDisposable
{
    private readonly Export _export = new();
    private readonly BlockDriver _driver = new();

    public BlockDeviceTests() => _driver.Connect(_export.Socket);

    private FakeDisk Disk => _export.Disk;

    public void Dispose()
    {
        _driver.Dispose();
        _export.Dispose();
    }

    [Fact]
    public void Data_is_written_where_it_belongs_and_read_back()
    {
        byte[] data = new byte[8192];
        new Random(1).NextBytes(data);
        Assert.Equal(BlockStatus.Ok, _driver.Do(BlockRequestType.Write, 16, data));
        Assert.Equal(data, Disk.Content.AsSpan(8192, 8192).ToArray());
        Assert.Equal(BlockStatus.Ok, _driver.Do(BlockRequestType.Read, 17, [], 4096));
        Assert.Equal(data.AsSpan(512, 4096).ToArray(), _driver.DataOfRead(0, 4096));
    }

    [Fact]
    public void Many_requests_at_once_end_each_once()
    {
        Disk.Late = true;
        for (int slot = 0; slot < BlockDriver.Slots; slot++) _driver.Submit(slot, BlockRequestType.Write, (ulong)slot, Enumerable.Repeat((byte)slot, 512).ToArray());
        Assert.True(SpinWait.SpinUntil(() => Disk.LateCount == BlockDriver.Slots, TimeSpan.FromSeconds(30)));
        _export.CompleteLate();
        HashSet<int> ended = [];
        for (int i = 0; i < BlockDriver.Slots; i++) Assert.True(ended.Add(_driver.TryWait(TimeSpan.FromSeconds(30))!.Value.Slot));
        Assert.Null(_driver.TryWait(TimeSpan.Zero));
        for (int slot = 0; slot < BlockDriver.Slots; slot++) Assert.Equal(slot, Disk.Content[slot * 512]);
    }

    [Fact]
    public void Time_of_a_request_is_counted_from_its_start_to_its_end_whatever_the_end()
    {
        Assert.Equal(BlockStatus.Ok, _driver.Do(BlockRequestType.Flush, 0, []));
        Assert.Equal(BlockStatus.Unsupported, _driver.Do((BlockRequestType)99, 0, []));
        TimeSpan before = _export.Device.Counters.Time;
        Disk.Late = true;
        var clock = Stopwatch.StartNew();
        _driver.Submit(0, BlockRequestType.Read, 0, [], 512);
        Assert.True(SpinWait.SpinUntil(() => Disk.LateCount == 1, TimeSpan.FromSeconds(30)));
        var waited = Stopwatch.StartNew();
        Assert.False(SpinWait.SpinUntil(static () => false, TimeSpan.FromMilliseconds(20)));
        TimeSpan least = waited.Elapsed;
        _export.CompleteLate();
        Assert.NotNull(_driver.TryWait(TimeSpan.FromSeconds(30)));
        BlockCounters counters = _export.Device.Counters;
        Assert.Equal((3, 1), (counters.Requests, counters.FailedRequests));
        Assert.InRange(counters.Time - before, least, clock.Elapsed);
    }

    [Fact]
    public void Flush_reaches_the_disk()
    {
        Assert.Equal(BlockStatus.Ok, _driver.Do(BlockRequestType.Flush, 0, []));
        Assert.Equal(1, Disk.Counts[DiskOperation.Flush]);
    }

    [Fact]
    public void Serial_number_is_told_padded_with_nul()
    {
        Assert.Equal(BlockStatus.Ok, _driver.Do(BlockRequestType.GetId, 0, [], BlockRequestHeader.IdBytes));
        Assert.Equal("serial".PadRight(20, '\0'), Encoding.ASCII.GetString(_driver.DataOfRead(0, 20)));
    }

    [Fact]
    public void Ranges_are_discarded_and_zeroed_each()
    {
        Disk.Content.AsSpan().Fill(1);
        Assert.Equal(BlockStatus.Ok, _driver.Do(BlockRequestType.WriteZeroes, 0, [.. Segment(0, 1, 0), .. Segment(4, 2, 1)]));
        Assert.Equal(2, Disk.Counts[DiskOperation.WriteZeroes]);
        Assert.Equal(1, Disk.UnmappingZeroWrites);
        Assert.Equal([0, 1], new[] { Disk.Content[511], Disk.Content[512] });
        Assert.Equal([1, 0, 0, 1], new[] { Disk.Content[2047], Disk.Content[2048], Disk.Content[3071], Disk.Content[3072] });
        Assert.Equal(BlockStatus.Ok, _driver.Do(BlockRequestType.Discard, 0, Segment(8, 8, 0)));
        Assert.Equal(1, Disk.Counts[DiskOperation.Discard]);
    }

    [Theory]
    [InlineData(BlockRequestType.Discard, 1U, BlockStatus.Unsupported)]
    [InlineData(BlockRequestType.Discard, 2U, BlockStatus.Unsupported)]
    [InlineData(BlockRequestType.WriteZeroes, 3U, BlockStatus.Unsupported)]
    public void Range_with_flags_that_are_not_known_is_not_supported(BlockRequestType type, uint flags, BlockStatus status)
    {
        Assert.Equal(status, _driver.Do(type, 0, Segment(0, 1, flags)));
        Assert.Equal(0, Disk.Counts[DiskOperation.Discard] + Disk.Counts[DiskOperation.WriteZeroes]);
    }

    [Theory]
    [InlineData(2048UL, 1U)]
    [InlineData(2047UL, 2U)]
    [InlineData(ulong.MaxValue, 1U)]
    [InlineData(0UL, uint.MaxValue)]
    public void Range_outside_the_disk_is_an_error(ulong sector, uint sectors)
    {
        Assert.Equal(BlockStatus.IoError, _driver.Do(BlockRequestType.WriteZeroes, 0, Segment(sector, sectors, 0)));
        Assert.Equal(BlockStatus.IoError, _driver.Do(BlockRequestType.Discard, 0, Segment(sector, sectors, 0)));
    }

    [Theory]
    [InlineData(2048UL, 512)]
    [InlineData(2047UL, 1024)]
    [InlineData(ulong.MaxValue, 512)]
    [InlineData(0UL, 100)]
    public void Transfer_outside_the_disk_or_of_part_of_a_sector_is_an_error(ulong sector, int bytes)
    {
        Assert.Equal(BlockStatus.IoError, _driver.Do(BlockRequestType.Read, sector, [], bytes));
        Assert.Equal(BlockStatus.IoError, _driver.Do(BlockRequestType.Write, sector, new byte[bytes]));
        Assert.Equal(0, Disk.Counts[DiskOperation.Read] + Disk.Counts[DiskOperation.Write]);
    }

    [Theory]
    [InlineData((BlockRequestType)2)]
    [InlineData((BlockRequestType)14)]
    [InlineData((BlockRequestType)uint.MaxValue)]
    public void Request_that_is_not_known_is_not_supported(BlockRequestType type) => Assert.Equal(BlockStatus.Unsupported, _driver.Do(type, 0, []));

    [Fact]
    public void Failure_of_the_disk_is_an_error_and_the_next_request_succeeds()
    {
        Disk.FailNext[DiskOperation.Read] = Errno.EIO;
        Assert.Equal(BlockStatus.IoError, _driver.Do(BlockRequestType.Read, 0, [], 512));
        Assert.Equal(BlockStatus.Ok, _driver.Do(BlockRequestType.Read, 0, [], 512));
        Disk.ShortAfter = 256;
        Assert.Equal(BlockStatus.IoError, _driver.Do(BlockRequestType.Read, 0, [], 512));
    }

    [Fact]
    public void Driver_that_cannot_flush_finds_its_writes_durable()
    {
        using var driver = new BlockDriver();
        driver.Connect(_export.Socket, leftOut: (ulong)(BlockFeatures.Flush | BlockFeatures.ConfigWriteCache));
        Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Write, 0, new byte[512]));
        Assert.Equal(1, Disk.ForcedWrites);
        Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.WriteZeroes, 0, Segment(0, 1, 0)));
        Assert.Equal(1, Disk.Counts[DiskOperation.Flush]);
        Assert.Equal(BlockStatus.Ok, _driver.Do(BlockRequestType.Write, 0, new byte[512]));
        Assert.Equal(1, Disk.ForcedWrites);
    }

    [Fact]
    public void Read_only_disk_says_so_and_refuses_writes()
    {
        using var export = new Export(new FakeDisk(traits: new DiskTraits(ReadOnly: true, WriteCache: false, 4096, 0, Rotational: false)));
        using var driver = new BlockDriver();
        driver.Connect(export.Socket);
        var features = (BlockFeatures)driver.Offered;
        Assert.Equal(BlockFeatures.ReadOnly, features & (BlockFeatures.ReadOnly | BlockFeatures.Discard | BlockFeatures.WriteZeroes | BlockFeatures.ConfigWriteCache));
        Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Read, 0, [], 512));
        Assert.Equal(BlockStatus.IoError, driver.Do(BlockRequestType.Write, 0, new byte[512]));
        Assert.Equal(BlockStatus.Unsupported, driver.Do(BlockRequestType.Discard, 0, Segment(0, 1, 0)));
        Assert.Equal(BlockStatus.Unsupported, driver.Do(BlockRequestType.WriteZeroes, 0, Segment(0, 1, 0)));
        Assert.Equal(0, export.Disk.Counts[DiskOperation.Write]);
    }

    [Fact]
    public void Configuration_tells_sizes_in_sectors_of_512_bytes()
    {
        var disk = new FakeDisk(bytes: 1 << 20, sectorBytes: 4096, physicalBytes: 8192);
        using var device = new VmBus.Virtio.Block.BlockDevice(disk, "serial", queueCount: 3);
        byte[] config = new byte[BlockConfig.Size];
        Assert.Equal(BlockConfig.Size, device.ReadConfig(config));
        Assert.Equal(2048UL, BinaryPrimitives.ReadUInt64LittleEndian(config));
        Assert.Equal(4096U, BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(20)));
        Assert.Equal((1, 1, 3), (config[24], config[32], config[34]));
        Assert.Equal(8U, BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(44)));
    }

    [Fact]
    public void Growth_is_told_on_the_socket_for_it()
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using LinuxFile given = theirs;
        _driver.FrontEnd!.Send(VmBus.Protocol.VhostUser.VhostUserRequest.SetBackendRequests, [], given);
        Assert.NotEqual(0UL, _driver.FrontEnd.Get(VmBus.Protocol.VhostUser.VhostUserRequest.GetFeatures));
        _export.Server.TellConfigChanged();
        using DescriptorSocket socket = DescriptorSocket.Take(ours);
        byte[] message = new byte[12];
        Assert.Equal(12, socket.Receive(message, new int[DescriptorSocket.MaximumDescriptors], out _));
        Assert.Equal([2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], message);
    }

    private static byte[] Segment(ulong sector, uint sectors, uint flags)
    {
        byte[] segment = new byte[BlockRangeSegment.Size];
        BinaryPrimitives.WriteUInt64LittleEndian(segment, sector);
        BinaryPrimitives.WriteUInt32LittleEndian(segment.AsSpan(8), sectors);
        BinaryPrimitives.WriteUInt32LittleEndian(segment.AsSpan(12), flags);
        return segment;
    }
}
