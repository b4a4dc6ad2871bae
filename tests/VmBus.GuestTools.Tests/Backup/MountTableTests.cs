using VmBus.GuestTools.Backup;

namespace VmBus.GuestTools.Tests.Backup;

public sealed class MountTableTests
{
    private static readonly string[] Table =
    [
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro",
        "23 22 0:20 / /proc rw,nosuid shared:5 - proc proc rw",
        "24 22 8:15 / /boot/efi rw,relatime shared:2 - vfat /dev/sda15 rw,fmask=0077",
        "25 22 8:16 / /data rw - xfs /dev/sdb rw,attr2",
        @"26 25 8:32 / /data/two\040words rw - ext4 /dev/sdc rw",
        "27 22 8:16 /sub /srv/bound ro - xfs /dev/sdb rw,attr2",
        "28 22 7:0 / /mnt/image rw - ext4 /dev/loop0 rw",
        "29 22 8:48 / /media ro - ext4 /dev/sdd ro",
        "30 22 0:40 / /run rw - tmpfs tmpfs rw",
        "31 22 7:1 / /snap ro - squashfs /dev/loop1 ro",
        "not a line",
        "",
    ];

    [Fact]
    public void Writable_file_systems_on_block_devices_are_frozen_once_each_those_in_files_first_and_the_root_last()
        => Assert.Equal(["/mnt/image", "/data/two words", "/data", "/"], MountTable.ToFreeze(Table).Select(static system => system.MountPoint));

    [Fact]
    public void What_cannot_be_frozen_is_written_out()
        => Assert.Equal("/boot/efi", Assert.Single(MountTable.ToWriteOut(Table)).MountPoint);

    [Fact]
    public void Root_that_is_mounted_elsewhere_too_is_still_the_last()
    {
        string[] table = ["21 1 8:1 / /old rw - ext4 /dev/sda1 rw", "22 1 8:1 / / rw - ext4 /dev/sda1 rw", "23 22 8:2 / /data rw - ext4 /dev/sda2 rw"];
        Assert.Equal(["/data", "/"], MountTable.ToFreeze(table).Select(static system => system.MountPoint));
    }

    [Theory]
    [InlineData(@"\040\011\134\012", " \t\\\n")]
    [InlineData(@"a\04", @"a\04")]
    [InlineData(@"ü\0409", "ü 9")]
    public void Escapes_of_the_kernel_are_undone(string escaped, string name)
        => Assert.Equal("/" + name, Assert.Single(MountTable.ToFreeze([$"22 1 8:1 / /{escaped} rw - ext4 /dev/sda1 rw"])).MountPoint);
}
