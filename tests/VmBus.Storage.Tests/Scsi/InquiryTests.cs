using System.Buffers.Binary;
using System.Text;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi;
using VmBus.TestKit.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>INQUIRY, READ CAPACITY, REPORT LUNS: what a guest scans by.</summary>
public sealed class InquiryTests : ScsiFixture
{
    [Fact]
    public void Standard_data_names_a_disk_whose_pages_guests_read()
    {
        AssertGood(Guest.Send("12 00 00 00 FF 00", 255), 96);
        byte[] data = Guest.Reply();
        Assert.Equal((0, 5, 2, 91), (data[0], data[2], data[3], data[4]));
        Assert.Equal(2, data[7]);
        Assert.Equal("Msft    Virtual Disk    1.0 ", Encoding.ASCII.GetString(data, 8, 28));
    }

    [Theory]
    [InlineData("12 00 00 00 24 00", 36)]
    [InlineData("12 00 00 00 05 00", 5)]
    [InlineData("12 00 00 00 00 00", 0)]
    [InlineData("12 00 00 02 00 00", 96)]
    public void Reply_is_cut_at_the_allocation_length(string cdb, int expected) => AssertGood(Guest.Send(cdb, 512), expected);

    [Fact]
    public void Reply_is_cut_at_the_guests_memory()
    {
        Guest.Fill(0xEE);
        AssertGood(Guest.Send("12 00 00 00 FF 00", 20), 20);
        Assert.Equal(0xEE, Guest.Data(21)[20]);
    }

    [Fact]
    public void Reply_is_not_stored_in_memory_the_guest_gave_to_read_from()
    {
        Guest.Fill(0xEE);
        AssertSense(Guest.SendData("12 00 00 00 24 00", new byte[36]), 5, 0x24, 0);
        AssertSense(Guest.SendData("28 00 00 00 00 00 00 00 01 00", new byte[512]), 5, 0x24, 0);
        AssertSense(Guest.SendData("A0 00 00 00 00 00 00 00 10 00 00 00", new byte[512]), 5, 0x24, 0);
        Guest.Address = new ScsiAddress(0, 0, 9);
        AssertSense(Guest.SendData("12 00 00 00 24 00", new byte[36]), 5, 0x24, 0);
        Assert.All(Guest.Data(36), b => Assert.Equal(0, b));
    }

    [Theory]
    [InlineData("12 00 80 00 FF 00")]
    [InlineData("12 01 89 00 FF 00")]
    [InlineData("12 01 C0 00 FF 00")]
    public void Unsupported_page_is_refused_without_data(string cdb) => AssertSense(Guest.Send(cdb, 255), 5, 0x24, 0);

    [Fact]
    public void Supported_pages_are_listed_in_order_and_all_answer()
    {
        AssertGood(Guest.Send("12 01 00 00 FF 00", 255), 4 + 6);
        byte[] pages = Guest.Reply()[4..];
        Assert.Equal([0x00, 0x80, 0x83, 0xB0, 0xB1, 0xB2], pages);
        foreach (byte page in pages)
        {
            TestRequest request = Guest.Send($"12 01 {page:X2} 00 FF 00", 255);
            Assert.Equal(ScsiStatus.Good, request.Status);
            byte[] data = Guest.Reply();
            Assert.Equal((page, data.Length - 4), (data[1], BinaryPrimitives.ReadUInt16BigEndian(data.AsSpan(2))));
        }
    }

    [Fact]
    public void Pages_the_unit_has_nothing_to_say_in_are_not_listed()
    {
        Target.Add(new ScsiAddress(0, 0, 1), new FakeDisk(traits: new DiskTraits(false, true, 0, 0, true)), Identity with { Serial = "" });
        Initiator guest = Guest;
        guest.Address = new ScsiAddress(0, 0, 1);
        guest.Send("12 01 00 00 FF 00", 255);
        Assert.Equal([0x00, 0x83, 0xB0, 0xB1], guest.Reply()[4..]);
        AssertSense(guest.Send("12 01 80 00 FF 00", 255), 5, 0x24, 0);
        AssertSense(guest.Send("12 01 B2 00 FF 00", 255), 5, 0x24, 0);
        AssertGood(guest.Send("12 01 B1 00 FF 00", 255), 64);
        Assert.Equal(0, guest.Reply()[5]);
    }

    [Fact]
    public void Serial_and_designators_are_the_identitys()
    {
        Guest.Send("12 01 80 00 FF 00", 255);
        Assert.Equal("SN-0001", Encoding.ASCII.GetString(Guest.Reply()[4..]));
        AssertGood(Guest.Send("12 01 83 00 FF 00", 255), 4 + 20 + 28);
        byte[] data = Guest.Reply();
        Assert.Equal([0x01, 0x03, 0, 16, 0x60, 0x02, 0x24, 0x80], data[4..12]);
        Assert.Equal([0x01, 0x01, 0, 24], data[24..28]);
        Assert.Equal(Identity.Identity.ToByteArray(), data[36..52]);
    }

    [Fact]
    public void Block_limits_offer_unmap_and_bound_compare_and_write()
    {
        AssertGood(Guest.Send("12 01 B0 00 FF 00", 255), 64);
        byte[] data = Guest.Reply();
        Assert.Equal((1, 255), (data[4], data[5]));
        Assert.Equal(8, BinaryPrimitives.ReadUInt16BigEndian(data.AsSpan(6)));
        Assert.Equal(0x3F_FFF8u, BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(8)));
        Assert.Equal(uint.MaxValue, BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(20)));
        Assert.Equal(256u, BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(24)));
        Assert.Equal(8u, BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(28)));
        Assert.Equal(0x7F_FFFFul, BinaryPrimitives.ReadUInt64BigEndian(data.AsSpan(36)));
        Guest.Send("12 01 B2 00 FF 00", 255);
        Assert.Equal([0, 0xE0, 2, 0], Guest.Reply()[4..8]);
        Guest.Send("12 01 B1 00 FF 00", 255);
        Assert.Equal(1, Guest.Reply()[5]);
    }

    [Fact]
    public void Capacity_tells_the_last_block_sizes_and_provisioning()
    {
        AssertGood(Guest.Send("25 00 00 00 00 00 00 00 00 00", 8), 8);
        Assert.Equal("000007FF00000200", Convert.ToHexString(Guest.Reply()));
        AssertGood(Guest.Send("9E 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", 32), 32);
        byte[] data = Guest.Reply();
        Assert.Equal("00000000000007FF0000020000038000", Convert.ToHexString(data, 0, 16));
        AssertGood(Guest.Send("9E 10 00 00 00 00 00 00 00 00 00 00 00 0F 00 00", 32), 15);
        AssertSense(Guest.Send("25 00 00 00 00 01 00 00 00 00", 8), 5, 0x24, 0);
        AssertGood(Guest.Send("9E 12 00 00 00 00 00 00 00 10 00 00 00 18 00 00", 24), 24);
        Assert.Equal("00000014000000000000000000000010000007F000000000", Convert.ToHexString(Guest.Reply()));
        AssertSense(Guest.Send("9E 12 00 00 00 00 00 00 08 00 00 00 00 18 00 00", 24), 5, 0x21, 0);
        AssertSense(Guest.Send("9E 11 00 00 00 00 00 00 00 00 00 00 00 18 00 00", 24), 5, 0x20, 0);
    }

    [Fact]
    public void Report_luns_lists_the_units_of_the_path_and_target_asked()
    {
        Target.Add(new ScsiAddress(0, 0, 7), new FakeDisk(), Identity);
        Target.Add(new ScsiAddress(0, 1, 3), new FakeDisk(), Identity);
        string cdb = "A0 00 00 00 00 00 00 00 10 00 00 00";
        AssertGood(Guest.Send(cdb, 4096), 24);
        Assert.Equal("0000001000000000" + "0000000000000000" + "0007000000000000", Convert.ToHexString(Guest.Reply()));
        Guest.Address = new ScsiAddress(0, 1, 0);
        AssertGood(Guest.Send(cdb, 4096), 16);
        Assert.Equal("0000000800000000" + "0003000000000000", Convert.ToHexString(Guest.Reply()));
        Guest.Address = new ScsiAddress(7, 1, 0);
        AssertGood(Guest.Send(cdb, 4096), 8);
        AssertGood(Guest.Send("A0 00 00 00 00 00 00 00 00 04 00 00", 4096), 4);
        AssertSense(Guest.Send("A0 00 10 00 00 00 00 00 10 00 00 00", 4096), 5, 0x24, 0);
    }

    [Fact]
    public void Absent_unit_is_told_apart_from_a_disk()
    {
        Guest.Address = new ScsiAddress(0, 0, 5);
        AssertGood(Guest.Send("12 00 00 00 FF 00", 255), 36);
        Assert.Equal((0x7F, 5), (Guest.Reply()[0], Guest.Reply()[2]));
        AssertSense(Guest.Send("12 01 00 00 FF 00", 255), 5, 0x24, 0);
        Assert.False(Guest.Request.NoSuchUnit);
        foreach (string cdb in new[] { "00 00 00 00 00 00", "28 00 00 00 00 00 00 00 01 00", "03 00 00 00 12 00" })
        {
            AssertSense(Guest.Send(cdb, 512), 5, 0x25, 0);
            Assert.True(Guest.Request.NoSuchUnit);
        }

        Guest.Address = default;
        AssertGood(Guest.Send("00 00 00 00 00 00"));
    }
}
