using VmBus.Storage.Disks;
using VmBus.TestKit.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>MODE SENSE and MODE SELECT.</summary>
public sealed class ModePageTests : ScsiFixture
{
    [Theory]
    [InlineData(true, 0x04)]
    [InlineData(false, 0x00)]
    public void Caching_page_tells_the_disks_write_cache(bool cache, byte expected)
    {
        Use(new FakeDisk(traits: new DiskTraits(false, cache, 0, 0, false)));
        AssertGood(Guest.Send("1A 00 08 00 FF 00", 255), 24);
        byte[] data = Guest.Reply();
        Assert.Equal([23, 0, 0x10, 0, 0x08, 0x12, expected], data[..7]);
        AssertGood(Guest.Send("5A 00 08 00 00 00 00 00 FF 00", 255), 28);
        Assert.Equal([0, 26, 0, 0x10, 0, 0, 0, 0, 0x08, 0x12, expected], Guest.Reply()[..11]);
    }

    [Theory]
    [InlineData(false, 0x10)]
    [InlineData(true, 0x90)]
    public void Header_tells_write_protection(bool readOnly, byte expected)
    {
        Use(new FakeDisk(traits: new DiskTraits(readOnly, true, 0, 0, false)));
        AssertGood(Guest.Send("1A 00 3F 00 04 00", 4), 4);
        Assert.Equal(expected, Guest.Reply()[2]);
        Guest.Send("5A 00 3F 00 00 00 00 00 08 00", 8);
        Assert.Equal(expected, Guest.Reply()[3]);
    }

    [Fact]
    public void Values_have_defaults_no_changeable_bits_and_are_not_saved()
    {
        Guest.Send("1A 00 3F 00 FF 00", 255);
        byte[] current = Guest.Reply();
        Guest.Send("1A 00 BF 00 FF 00", 255);
        Assert.Equal(current, Guest.Reply());
        Guest.Send("1A 00 48 00 FF 00", 255);
        Assert.All(Guest.Reply()[6..], b => Assert.Equal(0, b));
        AssertSense(Guest.Send("1A 00 FF 00 FF 00", 255), 5, 0x39, 0);
        Assert.Equal([0x01, 0x08, 0x0A, 0x1C], PagesOf(current.AsSpan(4)));
    }

    [Theory]
    [InlineData("1A 00 02 00 FF 00")]
    [InlineData("1A 00 08 01 FF 00")]
    [InlineData("5A 00 2A 00 00 00 00 00 FF 00")]
    public void Page_that_does_not_exist_is_refused(string cdb) => AssertSense(Guest.Send(cdb, 255), 5, 0x24, 0);

    [Fact]
    public void Select_takes_what_is_and_refuses_changes()
    {
        Guest.Send("1A 00 08 00 FF 00", 255);
        byte[] list = Guest.Reply();
        list[0] = 0;
        AssertGood(Guest.SendData("15 10 00 00 18 00", list), 24);
        list[6] = 0x00;
        AssertSense(Guest.SendData("15 10 00 00 18 00", list), 5, 0x26, 0);
        AssertGood(Guest.Send("15 10 00 00 00 00"));
        AssertSense(Guest.SendData("15 11 00 00 18 00", list), 5, 0x24, 0);
        AssertSense(Guest.SendData("15 10 00 00 17 00", list), 5, 0x1A, 0);
        AssertSense(Guest.SendData("15 10 00 00 03 00", list), 5, 0x1A, 0);
        AssertSense(Guest.SendData("15 10 00 00 18 00", list.AsSpan(0, 10)), 5, 0x1A, 0);
        AssertSense(Guest.SendData("55 10 00 00 00 00 00 02 01 00", new byte[600]), 5, 0x1A, 0);
        AssertSense(Guest.SendData("55 10 00 00 00 00 00 00 08 00", [0, 0, 0, 0, 0, 0, 0, 8]), 5, 0x26, 0);
    }

    private static List<byte> PagesOf(ReadOnlySpan<byte> pages)
    {
        var codes = new List<byte>();
        for (; pages.Length > 0; pages = pages[(pages[1] + 2)..]) codes.Add(pages[0]);
        return codes;
    }
}
