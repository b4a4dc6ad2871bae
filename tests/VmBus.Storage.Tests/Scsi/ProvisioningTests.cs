using System.Buffers.Binary;
using VmBus.Native.Linux;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi;
using VmBus.TestKit.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>Commands that go over the medium in steps: UNMAP, WRITE SAME, VERIFY, WRITE AND VERIFY, COMPARE AND WRITE.</summary>
public sealed class ProvisioningTests : ScsiFixture
{
    private const int Block = 512;

    private static byte[] UnmapList(params (ulong Lba, uint Count)[] ranges)
    {
        byte[] list = new byte[8 + (ranges.Length * 16)];
        BinaryPrimitives.WriteUInt16BigEndian(list, (ushort)(list.Length - 2));
        BinaryPrimitives.WriteUInt16BigEndian(list.AsSpan(2), (ushort)(list.Length - 8));
        for (int i = 0; i < ranges.Length; i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(list.AsSpan(8 + (i * 16)), ranges[i].Lba);
            BinaryPrimitives.WriteUInt32BigEndian(list.AsSpan(16 + (i * 16)), ranges[i].Count);
        }

        return list;
    }

    private TestRequest Unmap(params (ulong Lba, uint Count)[] ranges)
    {
        byte[] list = UnmapList(ranges);
        return Guest.SendData($"42 00 00 00 00 00 00 {list.Length >> 8:X2} {list.Length & 0xFF:X2} 00", list);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Unmap_discards_every_range(bool late)
    {
        Disk.Content.AsSpan().Fill(1);
        Disk.Late = late;
        TestRequest request = Unmap((0, 8), (16, 8), (5, 0), (2047, 1));
        Disk.CompleteAll();
        AssertGood(request, 8 + 64);
        Assert.Equal(3, Disk.Counts[DiskOperation.Discard]);
        Assert.Equal((0, 1, 0, 0), (Disk.Content[0], Disk.Content[8 * Block], Disk.Content[16 * Block], Disk.Content[^1]));
    }

    [Fact]
    public void Unmap_joins_ranges_that_follow_each_other()
    {
        Disk.Content.AsSpan().Fill(1);
        AssertGood(Unmap((0, 1), (1, 1), (2, 6), (8, 0), (16, 8)), 8 + 80);
        Assert.Equal(2, Disk.Counts[DiskOperation.Discard]);
        Assert.Equal((0, 1, 0), (Disk.Content[(8 * Block) - 1], Disk.Content[8 * Block], Disk.Content[16 * Block]));
    }

    [Fact]
    public void Unmap_checks_all_ranges_before_the_first()
    {
        AssertSense(Unmap((0, 8), (2048, 1)), 5, 0x21, 0);
        AssertSense(Unmap((ulong.MaxValue, 8)), 5, 0x21, 0);
        AssertGood(Unmap((2048, 0)), 24);
        Assert.Equal(0, Disk.Counts[DiskOperation.Discard]);
    }

    [Fact]
    public void Unmap_refuses_bad_lists()
    {
        AssertGood(Guest.Send("42 00 00 00 00 00 00 00 00 00"));
        AssertGood(Unmap(), 8);
        AssertSense(Guest.SendData("42 00 00 00 00 00 00 00 07 00", new byte[8]), 5, 0x1A, 0);
        AssertSense(Guest.SendData("42 00 00 00 00 00 00 00 18 00", new byte[8]), 5, 0x1A, 0);
        AssertSense(Guest.SendData("42 00 00 00 00 00 00 00 08 00", [0, 22, 0, 16, 0, 0, 0, 0]), 5, 0x1A, 0);
        AssertSense(Guest.SendData("42 01 00 00 00 00 00 00 18 00", UnmapList((0, 8))), 5, 0x24, 0);
        AssertSense(Unmap(new (ulong, uint)[257]), 5, 0x26, 0);
        AssertGood(Unmap(new (ulong, uint)[256]), 8 + (256 * 16));
    }

    [Fact]
    public void Unmap_and_unmapping_write_same_need_a_disk_that_frees_space()
    {
        Use(new FakeDisk(traits: new DiskTraits(false, true, 0, 0, false)));
        AssertSense(Unmap((0, 8)), 5, 0x20, 0);
        AssertSense(Guest.SendData("93 08 00 00 00 00 00 00 00 00 00 00 00 01 00 00", new byte[Block]), 5, 0x24, 0);
        AssertGood(Guest.Send("A3 0C 01 42 00 00 00 00 02 00 00 00", 512), 4);
        Assert.Equal(1, Guest.Reply()[1]);
    }

    [Theory]
    [InlineData(DiskOperation.Discard, "42 00 00 00 00 00 00 00 18 00")]
    [InlineData(DiskOperation.WriteZeroes, "93 01 00 00 00 00 00 00 00 00 00 00 00 01 00 00")]
    [InlineData(DiskOperation.Write, "41 00 00 00 00 00 00 00 01 00")]
    [InlineData(DiskOperation.Write, "2E 02 00 00 00 00 00 00 01 00")]
    public void Failed_change_is_a_write_error_at_once_and_late(DiskOperation operation, string cdb)
    {
        foreach (bool late in new[] { false, true })
        {
            byte[] data = operation == DiskOperation.Discard ? UnmapList((0, 8)) : Enumerable.Repeat((byte)3, Block).ToArray();
            Disk.Late = late;
            Disk.FailNext[operation] = Errno.EIO;
            TestRequest request = Guest.SendData(cdb, data);
            Disk.CompleteAll();
            AssertSense(request, 3, 0x0C, 0);
            Disk.FailNext[operation] = Errno.ENOSPC;
            request = Guest.SendData(cdb, data);
            Disk.CompleteAll();
            AssertSense(request, 7, 0x27, 7);
        }
    }

    [Theory]
    [InlineData("41 00 00 00 00 00 00 07 FF 00", false)]
    [InlineData("93 00 00 00 00 00 00 00 00 00 00 00 07 FF 00 00", true)]
    public void Write_same_repeats_the_block_over_the_range(string cdb, bool late)
    {
        byte[] data = new byte[Block];
        Random.Shared.NextBytes(data);
        Disk.Late = late;
        TestRequest request = Guest.SendData(cdb, data);
        Disk.CompleteAll();
        AssertGood(request, Block);
        for (int i = 0; i < 2047; i++) Assert.True(Disk.Content.AsSpan(i * Block, Block).SequenceEqual(data));
        Assert.All(Disk.Content[(2047 * Block)..], b => Assert.Equal(0, b));
        Assert.Equal(8, Disk.Counts[DiskOperation.Write]);
    }

    [Theory]
    [InlineData("41 00 00 00 00 00 00 00 10 00", Block, 0)]
    [InlineData("41 08 00 00 00 00 00 00 10 00", Block, 1)]
    [InlineData("93 09 00 00 00 00 00 00 00 00 00 00 00 10 00 00", 0, 1)]
    [InlineData("93 01 00 00 00 00 00 00 00 00 00 00 00 10 00 00", 0, 0)]
    public void Write_same_of_zeroes_leaves_it_to_the_disk(string cdb, int bytes, int unmapping)
    {
        Disk.Content.AsSpan().Fill(1);
        AssertGood(Guest.SendData(cdb, new byte[bytes]), bytes);
        Assert.Equal((1, unmapping), (Disk.Counts[DiskOperation.WriteZeroes], Disk.UnmappingZeroWrites));
        Assert.Equal((0, 1), (Disk.Content[(16 * Block) - 1], Disk.Content[16 * Block]));
    }

    [Fact]
    public void Write_same_of_data_with_the_unmap_bit_writes_the_data()
    {
        AssertGood(Guest.SendData("41 08 00 00 00 00 00 00 02 00", Enumerable.Repeat((byte)5, Block).ToArray()), Block);
        Assert.Equal(5, Disk.Content[Block]);
    }

    [Theory]
    [InlineData("41 00 00 00 00 00 00 00 00 00", Block, 0x24)]
    [InlineData("41 10 00 00 00 00 00 00 01 00", Block, 0x24)]
    [InlineData("41 20 00 00 00 00 00 00 01 00", Block, 0x24)]
    [InlineData("41 01 00 00 00 00 00 00 01 00", Block, 0x24)]
    [InlineData("41 00 00 00 00 00 00 00 01 00", Block / 2, 0x24)]
    [InlineData("41 00 00 00 00 00 00 00 01 00", Block * 2, 0x24)]
    [InlineData("41 00 00 00 08 00 00 00 01 00", Block, 0x21)]
    [InlineData("93 00 00 00 00 00 00 00 00 00 FF FF FF FF 00 00", Block, 0x21)]
    public void Write_same_refuses_bad_fields(string cdb, int bytes, int code) =>
        AssertSense(Guest.SendData(cdb, new byte[bytes]), 5, code, 0);

    [Theory]
    [InlineData("2F 02 00 00 00 00 00 02 58 00", false)]
    [InlineData("AF 02 00 00 00 00 00 00 02 58 00 00", true)]
    [InlineData("8F 02 00 00 00 00 00 00 00 00 00 00 02 58 00 00", true)]
    public void Verify_compares_and_names_the_first_difference(string cdb, bool late)
    {
        const int Bytes = 600 * Block;
        byte[] data = new byte[Bytes];
        Random.Shared.NextBytes(data);
        data.CopyTo(Disk.Content, 0);
        Disk.Late = late;
        TestRequest request = Guest.SendData(cdb, data);
        Disk.CompleteAll();
        AssertGood(request, Bytes);
        data[200_001] ^= 1;
        request = Guest.SendData(cdb, data);
        Disk.CompleteAll();
        AssertSense(request, 0x0E, 0x1D, 0);
        Assert.Equal(200_001u, BinaryPrimitives.ReadUInt32BigEndian(request.Sense[3..]));
        Assert.Equal(0xF0, request.Sense[0]);
    }

    [Fact]
    public void Verify_without_comparing_reads_the_medium()
    {
        AssertGood(Guest.Send("2F 00 00 00 00 00 00 08 00 00"));
        Assert.Equal(8, Disk.Counts[DiskOperation.Read]);
        Disk.FailNext[DiskOperation.Read] = Errno.EIO;
        AssertSense(Guest.Send("2F 00 00 00 00 00 00 00 01 00"), 3, 0x11, 0);
        AssertSense(Guest.Send("2F 04 00 00 00 00 00 00 01 00"), 5, 0x24, 0);
        AssertSense(Guest.Send("2F 06 00 00 00 00 00 00 01 00"), 5, 0x24, 0);
        AssertSense(Guest.Send("2F 20 00 00 00 00 00 00 01 00"), 5, 0x24, 0);
        AssertSense(Guest.Send("2F 00 00 00 08 00 00 00 01 00"), 5, 0x21, 0);
        AssertSense(Guest.SendData("2F 02 00 00 00 00 00 00 02 00", new byte[Block]), 5, 0x24, 0);
        AssertGood(Guest.Send("2F 02 00 00 00 00 00 00 00 00"));
    }

    [Theory]
    [InlineData("2E 00 00 00 00 00 00 02 58 00", false)]
    [InlineData("AE 02 00 00 00 00 00 00 02 58 00 00", true)]
    [InlineData("8E 02 00 00 00 00 00 00 00 00 00 00 02 58 00 00", false)]
    public void Write_and_verify_forces_writes_and_reads_back(string cdb, bool late)
    {
        byte[] data = new byte[600 * Block];
        Random.Shared.NextBytes(data);
        Disk.Late = late;
        TestRequest request = Guest.SendData(cdb, data);
        Disk.CompleteAll();
        AssertGood(request, data.Length);
        Assert.True(Disk.Content.AsSpan(0, data.Length).SequenceEqual(data));
        Assert.Equal((3, 3), (Disk.ForcedWrites, Disk.Counts[DiskOperation.Read]));
    }

    [Fact]
    public void Write_and_verify_reports_a_medium_that_lost_the_data()
    {
        Disk.Late = true;
        TestRequest request = Guest.SendData("2E 02 00 00 00 00 00 00 01 00", Enumerable.Repeat((byte)4, Block).ToArray());
        Disk.CompleteOne();
        Disk.Content[7] = 5;
        Disk.CompleteAll();
        AssertSense(request, 0x0E, 0x1D, 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Compare_and_write_writes_only_what_it_expects(bool late)
    {
        string cdb = "89 00 00 00 00 00 00 00 00 01 00 00 00 02 00 00";
        byte[] data = new byte[4 * Block];
        data.AsSpan(2 * Block).Fill(9);
        Disk.Late = late;
        TestRequest request = Guest.SendData(cdb, data);
        Disk.CompleteAll();
        AssertGood(request, 4 * Block);
        Assert.Equal((0, 9, 9, 0), (Disk.Content[Block - 1], Disk.Content[Block], Disk.Content[(3 * Block) - 1], Disk.Content[3 * Block]));
        request = Guest.SendData(cdb, data);
        Disk.CompleteAll();
        AssertSense(request, 0x0E, 0x1D, 0);
        Disk.FailNext[DiskOperation.Read] = Errno.EIO;
        request = Guest.SendData(cdb, data);
        Disk.CompleteAll();
        AssertSense(request, 3, 0x11, 0);
        data.AsSpan().Fill(9);
        Disk.FailNext[DiskOperation.Write] = Errno.EIO;
        request = Guest.SendData(cdb, data);
        Disk.CompleteAll();
        AssertSense(request, 3, 0x0C, 0);
        request = Guest.SendData(cdb, data);
        Disk.CompleteAll();
        AssertGood(request, 4 * Block);
    }

    [Fact]
    public void Compare_and_write_refuses_bad_sizes_and_excludes_others()
    {
        AssertSense(Guest.SendData("89 00 00 00 00 00 00 00 00 00 00 00 00 02 00 00", new byte[3 * Block]), 5, 0x24, 0);
        AssertGood(Guest.Send("89 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"));
        Disk.Late = true;
        TestRequest first = Guest.SendBeside("89 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", 2 * Block, ScsiDirection.Write);
        TestRequest second = Join(2).SendBeside("89 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", 2 * Block, ScsiDirection.Write);
        Assert.Equal(ScsiStatus.Busy, second.Status);
        Disk.CompleteAll();
        AssertGood(first, 2 * Block);
    }

    [Fact]
    public void Long_commands_wait_for_buffers_and_all_end()
    {
        Initiator guest = Guest;
        Disk.Late = true;
        TestRequest[] requests = [.. Enumerable.Range(0, 20).Select(_ => guest.SendBeside("2F 00 00 00 00 00 00 08 00 00"))];
        Assert.Equal((4, 20), (Disk.LateCount, guest.Queue.InFlight));
        Disk.CompleteAll();
        Assert.All(requests, request => AssertGood(request));
    }

    [Fact]
    public void Long_command_gives_others_a_turn()
    {
        Use(new FakeDisk(16 << 20));
        TestRequest request = Guest.Send("2F 00 00 00 00 00 00 80 00 00");
        Assert.False(request.IsComplete);
        Guest.Turns.RunAll();
        AssertGood(request);
        Assert.Equal(3, Guest.Turns.Scheduled);
    }

    [Fact]
    public void Long_command_of_a_unit_that_is_removed_is_aborted_at_its_next_turn()
    {
        Use(new FakeDisk(16 << 20));
        TestRequest request = Guest.Send("2F 00 00 00 00 00 00 80 00 00");
        bool drained = false;
        Assert.True(Target.Remove(default, () => drained = true));
        Guest.Turns.RunAll();
        AssertSense(request, 0x0B, 0x00, 6);
        Assert.True(drained);
    }

    [Fact]
    public void Steps_keep_to_the_disks_largest_transfer()
    {
        Use(new FakeDisk(traits: new DiskTraits(false, true, 4096, 4096, false)));
        AssertGood(Guest.Send("2F 00 00 00 00 00 00 00 10 00"));
        Assert.Equal(2, Disk.Counts[DiskOperation.Read]);
        AssertSense(Guest.SendData("89 00 00 00 00 00 00 00 00 00 00 00 00 09 00 00", new byte[18 * Block]), 5, 0x24, 0);
    }
}
