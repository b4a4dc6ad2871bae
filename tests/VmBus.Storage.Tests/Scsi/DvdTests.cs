using System.Text;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi;
using VmBus.TestKit.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>A drive with an ISO image.</summary>
public sealed class DvdTests : ScsiFixture
{
    private const string TestUnitReady = "00 00 00 00 00 00";
    private const string Eject = "1B 00 00 00 02 00";
    private const string Load = "1B 00 00 00 03 00";
    private const string PollMedia = "4A 01 00 00 10 00 00 00 08 00";

    public DvdTests() => Use(new FakeDisk(sectorBytes: 2048, traits: new DiskTraits(true, false, 0, 0, false)), ScsiUnitKind.Dvd);

    [Fact]
    public void Drive_is_removable_and_read_only()
    {
        AssertGood(Guest.Send("12 00 00 00 FF 00", 255), 96);
        byte[] data = Guest.Reply();
        Assert.Equal((5, 0x80), (data[0], data[1]));
        Assert.Equal("Virtual DVD-ROM ", Encoding.ASCII.GetString(data, 16, 16));
        Guest.Send("12 01 00 00 FF 00", 255);
        Assert.Equal([0x00, 0x80, 0x83], Guest.Reply()[4..]);
        AssertGood(Guest.Send("25 00 00 00 00 00 00 00 00 00", 8), 8);
        Assert.Equal("000001FF00000800", Convert.ToHexString(Guest.Reply()));
        Disk.Content[2048] = 7;
        AssertGood(Guest.Send("28 00 00 00 00 01 00 00 01 00", 2048), 2048);
        Assert.Equal(7, Guest.Reply()[0]);
        AssertSense(Guest.SendData("2A 00 00 00 00 00 00 00 01 00", new byte[2048]), 5, 0x20, 0);
    }

    [Theory]
    [InlineData("43 00 00 00 00 00 00 00 FF 00", "0012010100140100000000000014AA0000000200")]
    [InlineData("43 02 00 00 00 00 00 00 FF 00", "0012010100140100000002000014AA000000083E")]
    [InlineData("43 00 00 00 00 00 AA 00 FF 00", "000A01010014AA0000000200")]
    [InlineData("43 00 01 00 00 00 00 00 FF 00", "000A01010014010000000000")]
    [InlineData("43 00 00 00 00 00 00 00 FF 40", "000A01010014010000000000")]
    [InlineData("43 00 00 00 00 00 00 00 04 00", "00120101")]
    public void Toc_has_one_data_track(string cdb, string expected)
    {
        Guest.Send(cdb, 255);
        Assert.Equal(expected, Convert.ToHexString(Guest.Reply()));
    }

    [Theory]
    [InlineData("43 00 00 00 00 00 02 00 FF 00", 0x24)]
    [InlineData("43 00 05 00 00 00 00 00 FF 00", 0x24)]
    [InlineData("46 03 00 00 00 00 00 00 FF 00", 0x24)]
    [InlineData("4A 00 00 00 10 00 00 00 08 00", 0x24)]
    [InlineData("51 01 00 00 00 00 00 00 FF 00", 0x24)]
    [InlineData("52 01 00 00 00 02 00 00 FF 00", 0x24)]
    [InlineData("2B 00 00 00 02 00 00 00 00 00", 0x21)]
    [InlineData("AD 00 00 00 00 00 00 00 08 04 00 00", 0x30)]
    [InlineData("9E 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", 0x20)]
    [InlineData("5E 00 00 00 00 00 00 00 20 00", 0x20)]
    public void Field_that_is_not_supported_is_refused(string cdb, int code)
    {
        Assert.Equal(ScsiStatus.CheckCondition, Guest.Send(cdb, 255).Status);
        Assert.Equal((5, code), (Guest.Request.SenseTriple.Key, Guest.Request.SenseTriple.Code));
    }

    [Fact]
    public void Information_commands_answer()
    {
        AssertGood(Guest.Send("51 00 00 00 00 00 00 00 FF 00", 255), 34);
        AssertGood(Guest.Send("52 01 00 00 00 01 00 00 FF 00", 255), 36);
        AssertGood(Guest.Send("BD 00 00 00 00 00 00 00 00 08 00 00", 8), 8);
        AssertGood(Guest.Send("BB 00 FF FF FF FF 00 00 00 00 00 00"));
        AssertGood(Guest.Send("2B 00 00 00 01 FF 00 00 00 00"));
        AssertGood(Guest.Send("1A 00 2A 00 80 00", 128), 24);
        AssertGood(Guest.Send("46 00 00 00 00 00 00 01 00 00", 256), 8 + 12 + 12 + 8 + 8 + 12 + 8 + 8);
        Assert.Equal(8, Guest.Reply()[7]);
        AssertGood(Guest.Send("46 02 00 28 00 00 00 01 00 00", 256), 8);
        AssertGood(Guest.Send("46 02 00 10 00 00 00 01 00 00", 256), 20);
    }

    [Fact]
    public void Large_image_is_a_dvd()
    {
        var address = new ScsiAddress(0, 0, 1);
        Target.Add(address, new FakeDisk(800 << 20, 2048), Identity with { Kind = ScsiUnitKind.Dvd });
        Guest.Address = address;
        Guest.Send("46 01 00 00 00 00 00 00 08 00", 8);
        Assert.Equal(0x10, Guest.Reply()[7]);
        AssertGood(Guest.Send("AD 00 00 00 00 00 00 00 08 04 00 00", 2052), 2052);
        AssertGood(Guest.Send("AD 00 00 00 00 00 00 01 00 08 00 00", 8), 8);
    }

    [Fact]
    public void Eject_and_load_move_the_tray_and_are_told_as_events()
    {
        Initiator other = Join(2);
        AssertGood(other.Send(TestUnitReady));
        Assert.Equal("0006041000020000", Event());
        AssertGood(Guest.Send("1E 00 00 00 01 00"));
        AssertSense(Guest.Send(Eject), 5, 0x53, 2);
        AssertGood(Guest.Send("1E 00 00 00 00 00"));
        AssertGood(Guest.Send(Eject));
        AssertSense(Guest.Send(TestUnitReady), 2, 0x3A, 2);
        AssertSense(Guest.Send("28 00 00 00 00 00 00 00 01 00", 2048), 2, 0x3A, 2);
        AssertGood(Guest.Send("03 00 00 00 12 00", 18), 18);
        Assert.Equal((2, 0x3A), (Guest.Reply()[2], Guest.Reply()[12]));
        Assert.Equal("0006041003010000", Event());
        Assert.Equal("0006041000010000", Event());
        AssertGood(Guest.Send(Load));
        AssertGood(Guest.Send(TestUnitReady));
        Assert.Equal("0006041002020000", Event());
        AssertSense(other.Send(TestUnitReady), 6, 0x28, 0);
        AssertGood(other.Send(TestUnitReady));
        Guest.Send("4A 01 00 00 02 00 00 00 08 00", 8);
        Assert.Equal("00028010", Convert.ToHexString(Guest.Reply()));
    }

    private string Event()
    {
        Guest.Send(PollMedia, 8);
        return Convert.ToHexString(Guest.Reply());
    }
}
