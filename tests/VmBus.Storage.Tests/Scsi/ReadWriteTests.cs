using VmBus.Native.Linux;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi;
using VmBus.TestKit;
using VmBus.TestKit.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>The data path: READ, WRITE, SYNCHRONIZE CACHE, PRE-FETCH.</summary>
public sealed class ReadWriteTests : ScsiFixture
{
    private const int Block = 512;

    [Theory]
    [InlineData("08 00 00 02 01 00")]
    [InlineData("28 00 00 00 00 02 00 00 01 00")]
    [InlineData("A8 00 00 00 00 02 00 00 00 01 00 00")]
    [InlineData("88 00 00 00 00 00 00 00 00 02 00 00 00 01 00 00")]
    public void Read_of_every_length_brings_the_block(string cdb)
    {
        Disk.Content.AsSpan(2 * Block, Block).Fill(0x5A);
        AssertGood(Guest.Send(cdb, Block), Block);
        Assert.All(Guest.Reply(), b => Assert.Equal(0x5A, b));
    }

    [Theory]
    [InlineData("0A 00 00 02 01 00")]
    [InlineData("2A 00 00 00 00 02 00 00 01 00")]
    [InlineData("AA 00 00 00 00 02 00 00 00 01 00 00")]
    [InlineData("8A 00 00 00 00 00 00 00 00 02 00 00 00 01 00 00")]
    public void Write_of_every_length_stores_the_block(string cdb)
    {
        byte[] data = new byte[Block];
        Random.Shared.NextBytes(data);
        AssertGood(Guest.SendData(cdb, data), Block);
        Assert.Equal(data, Disk.Content.AsSpan(2 * Block, Block).ToArray());
        Assert.Equal(0, Disk.ForcedWrites);
    }

    [Fact]
    public void Read6_of_0_blocks_means_256()
    {
        AssertGood(Guest.Send("08 00 00 00 00 00", 256 * Block), 256 * Block);
    }

    [Theory]
    [InlineData("28 00 00 00 08 00 00 00 01 00")]
    [InlineData("28 00 00 00 07 FF 00 00 02 00")]
    [InlineData("28 00 FF FF FF FF 00 00 00 00")]
    [InlineData("28 00 00 00 08 01 00 00 00 00")]
    [InlineData("88 00 FF FF FF FF FF FF FF FF 00 00 00 01 00 00")]
    [InlineData("88 00 FF FF FF FF FF FF FF FF FF FF FF FF 00 00")]
    [InlineData("2A 00 00 00 08 00 00 00 01 00")]
    [InlineData("35 00 00 00 08 00 00 00 01 00")]
    [InlineData("34 00 00 00 08 00 00 00 01 00")]
    [InlineData("90 00 FF FF FF FF FF FF FF FF 00 00 00 01 00 00")]
    public void Range_beyond_the_end_is_refused(string cdb)
    {
        AssertSense(Guest.Send(cdb, 2 * Block), 5, 0x21, 0);
    }

    [Fact]
    public void Range_of_0_blocks_just_behind_the_end_is_good()
    {
        AssertGood(Guest.Send("28 00 00 00 08 00 00 00 00 00"));
        AssertGood(Guest.Send("28 00 00 00 00 00 00 00 00 00", Block));
    }

    [Fact]
    public void Read_with_a_short_buffer_brings_whole_blocks_that_fit()
    {
        AssertGood(Guest.Send("28 00 00 00 00 00 00 00 04 00", (2 * Block) + 100), 2 * Block);
        AssertGood(Guest.Send("28 00 00 00 00 00 00 00 04 00", 100));
        AssertGood(Guest.Send("28 00 00 00 00 00 00 00 04 00"));
    }

    [Fact]
    public void Transfer_with_a_long_buffer_moves_only_the_blocks_named()
    {
        Guest.Fill(0xEE);
        AssertGood(Guest.Send("28 00 00 00 00 00 00 00 01 00", 4 * Block), Block);
        Assert.Equal(0xEE, Guest.Data(4 * Block)[Block]);
        AssertGood(Guest.SendData("2A 00 00 00 00 00 00 00 01 00", new byte[4 * Block].Select(_ => (byte)7).ToArray()), Block);
        Assert.Equal(0, Disk.Content[Block]);
    }

    [Fact]
    public void Write_with_a_short_buffer_is_refused_and_writes_nothing()
    {
        AssertSense(Guest.SendData("2A 00 00 00 00 00 00 00 04 00", new byte[3 * Block]), 5, 0x24, 0);
        Assert.Equal(0, Disk.Counts[DiskOperation.Write]);
    }

    [Theory]
    [InlineData("28 20 00 00 00 00 00 00 01 00")]
    [InlineData("2A E0 00 00 00 00 00 00 01 00")]
    [InlineData("88 80 00 00 00 00 00 00 00 00 00 00 00 01 00 00")]
    [InlineData("28 00 00 00 00 00 00 00 01 04")]
    public void Protection_and_naca_are_refused(string cdb)
    {
        AssertSense(Guest.Send(cdb, Block), 5, 0x24, 0);
    }

    [Fact]
    public void Fua_write_reaches_the_disk_as_forced()
    {
        AssertGood(Guest.SendData("2A 18 00 00 00 00 00 00 01 00", new byte[Block]), Block);
        Assert.Equal(1, Disk.ForcedWrites);
    }

    [Fact]
    public void Fua_read_flushes_before()
    {
        Disk.Late = true;
        TestRequest request = Guest.Send("28 08 00 00 00 00 00 00 01 00", Block);
        Assert.Equal((1, 0), (Disk.Counts[DiskOperation.Flush], Disk.Counts[DiskOperation.Read]));
        Disk.CompleteAll();
        AssertGood(request, Block);
        Assert.Equal(1, Disk.Counts[DiskOperation.Read]);
    }

    [Fact]
    public void Flush_is_good_only_when_the_disk_has_flushed()
    {
        Disk.Late = true;
        TestRequest request = Guest.Send("35 02 00 00 00 00 00 00 00 00");
        Assert.False(request.IsComplete);
        Assert.Equal(1, Guest.Queue.InFlight);
        Disk.CompleteAll();
        AssertGood(request);
        Assert.Equal(0, Guest.Queue.InFlight);
    }

    [Theory]
    [InlineData("28 00 00 00 00 00 00 00 01 00", DiskOperation.Read, Errno.EIO, 3, 0x11, 0)]
    [InlineData("28 08 00 00 00 00 00 00 01 00", DiskOperation.Flush, Errno.EIO, 3, 0x0C, 0)]
    [InlineData("2A 00 00 00 00 00 00 00 01 00", DiskOperation.Write, Errno.EIO, 3, 0x0C, 0)]
    [InlineData("2A 00 00 00 00 00 00 00 01 00", DiskOperation.Write, Errno.ENOSPC, 7, 0x27, 7)]
    [InlineData("2A 00 00 00 00 00 00 00 01 00", DiskOperation.Write, Errno.EROFS, 7, 0x27, 0)]
    [InlineData("28 00 00 00 00 00 00 00 01 00", DiskOperation.Read, Errno.ENOMEM, 0x0B, 0x44, 0)]
    [InlineData("28 00 00 00 00 00 00 00 01 00", DiskOperation.Read, Errno.ENODEV, 2, 0x04, 0)]
    [InlineData("35 00 00 00 00 00 00 00 00 00", DiskOperation.Flush, Errno.EIO, 3, 0x0C, 0)]
    [InlineData("35 00 00 00 00 00 00 00 00 00", DiskOperation.Flush, Errno.ENOSPC, 7, 0x27, 7)]
    public void Disk_error_becomes_sense_at_once_and_late(string cdb, DiskOperation operation, int errno, int key, int code, int qualifier)
    {
        foreach (bool late in new[] { false, true })
        {
            Disk.Late = late;
            Disk.FailNext[operation] = errno;
            TestRequest request = Guest.Send(cdb, Block);
            Disk.CompleteAll();
            AssertSense(request, key, code, qualifier);
        }
    }

    [Fact]
    public void Short_disk_transfer_is_a_medium_error()
    {
        Disk.ShortAfter = Block;
        AssertSense(Guest.Send("28 00 00 00 00 00 00 00 02 00", 2 * Block), 3, 0x11, 0);
        AssertSense(Guest.SendData("2A 00 00 00 00 00 00 00 02 00", new byte[2 * Block]), 3, 0x0C, 0);
    }

    [Fact]
    public void Transfer_beyond_the_disks_maximum_is_refused()
    {
        Use(new FakeDisk(traits: new DiskTraits(false, true, 0, 8 * Block, false)));
        AssertGood(Guest.Send("28 00 00 00 00 00 00 00 08 00", 8 * Block), 8 * Block);
        AssertSense(Guest.Send("28 00 00 00 00 00 00 00 09 00", 9 * Block), 5, 0x24, 0);
    }

    [Fact]
    public void Read_only_disk_refuses_every_write()
    {
        Use(new FakeDisk(traits: new DiskTraits(true, true, 4096, 0, false)));
        string[] writes =
        [
            "0A 00 00 00 01 00", "2A 00 00 00 00 00 00 00 01 00", "AA 00 00 00 00 00 00 00 00 01 00 00",
            "8A 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", "2E 02 00 00 00 00 00 00 01 00", "AE 02 00 00 00 00 00 00 00 01 00 00",
            "8E 02 00 00 00 00 00 00 00 00 00 00 00 01 00 00", "41 00 00 00 00 00 00 00 01 00", "41 08 00 00 00 00 00 00 01 00",
            "93 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", "42 00 00 00 00 00 00 00 18 00",
            "89 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00",
        ];
        foreach (string cdb in writes) AssertSense(Guest.Send(cdb, Block), 7, 0x27, 0);
        AssertGood(Guest.Send("28 00 00 00 00 00 00 00 01 00", Block), Block);
    }

    [Fact]
    public void Sectors_of_4096_bytes_are_addressed_as_such()
    {
        Use(new FakeDisk(sectorBytes: 4096));
        Disk.Content[4096] = 9;
        AssertGood(Guest.Send("28 00 00 00 00 01 00 00 01 00", 4096), 4096);
        Assert.Equal(9, Guest.Reply()[0]);
    }

    [Fact]
    public void Data_path_allocates_nothing()
    {
        string read = "28 00 00 00 00 02 00 00 08 00";
        Guest.Send(read, 8 * Block);
        byte[] readCdb = Convert.FromHexString("2800000000020000080000000000");
        byte[] writeCdb = Convert.FromHexString("2A00000000020000080000000000");
        byte[] flushCdb = Convert.FromHexString("3500000000000000000000000000");
        Assert.Equal(0, Allocations.LeastOf(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                Guest.Send(readCdb, 8 * Block, ScsiDirection.Read);
                Guest.Send(writeCdb, 8 * Block, ScsiDirection.Write);
                Guest.Send(flushCdb, 0, ScsiDirection.None);
            }
        }));
    }
}
