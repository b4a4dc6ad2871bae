using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Debian on a disk of <c>vmbus export blk</c> in other virtual machine monitors, which need no KVM: its own virtio drivers, and a back-end that is killed.</summary>
[Collection(TestbedCollection.Name)]
public sealed class ExportGuestTests(ExportGuestTests.Tool tool) : IClassFixture<ExportGuestTests.Tool>
{
    [Fact]
    public async Task Debian_in_user_mode_linux_boots_from_it_and_finds_what_it_wrote_after_the_back_end_was_killed()
    {
        string[] lines = await tool.RunAsync(
            "uml",
            """
            set -e
            findmnt -no SOURCE /; basename "$(readlink /sys/block/vda/device/driver)"; cat /sys/block/vda/serial; echo
            fio --name=verify --filename=/var/fio --size=32M --bs=16k --rw=randwrite --direct=1 --verify=crc32c --do_verify=1 --minimal >/dev/null && echo verified
            fstrim / && echo trimmed
            dd if=/dev/urandom of=/var/kept bs=1M count=32 conv=fsync 2>/dev/null; md5sum </var/kept
            echo "warnings:"; dmesg --level=emerg,alert,crit,err,warn | grep -iE "virtio|vda|I/O|ext4" || true
            """);
        string sum = lines[5];
        Assert.Equal(["/dev/vda", "virtio_blk", "root", "verified", "trimmed", sum, "warnings:", $"root: {sum}"], lines);
    }

    [FullFact]
    public async Task Debian_in_qemu_boots_from_it_and_loses_nothing_of_what_it_writes_while_the_back_end_is_killed_three_times()
    {
        string[] lines = await tool.RunAsync(
            "qemu",
            "--kills",
            "3",
            """
            set -e
            findmnt -no SOURCE /; basename "$(readlink /sys/block/vda/device/driver)"
            for i in 1 2 3; do
                echo "host: kill" >/dev/ttyS0
                for j in 1 2 3 4 5 6; do dd if=/dev/urandom of=/var/part.$i.$j bs=64k count=64 oflag=direct 2>/dev/null; md5sum </var/part.$i.$j >>/tmp/sums; done
            done
            echo 3 >/proc/sys/vm/drop_caches
            for i in 1 2 3; do for j in 1 2 3 4 5 6; do md5sum </var/part.$i.$j; done; done | cmp - /tmp/sums && echo same
            cat /var/part.* >/var/kept; sync; md5sum </var/kept
            echo "warnings:"; dmesg --level=emerg,alert,crit,err,warn | grep -iE "virtio|vda|I/O|ext4" || true
            """);
        string sum = lines[3];
        Assert.Equal(["/dev/vda", "virtio_blk", "same", sum, "warnings:", $"root: {sum}"], lines);
    }

    /// <summary>tests/testbed/export-guest.</summary>
    public sealed class Tool : TestbedFixture
    {
        /// <summary>Runs it on this machine.</summary>
        /// <returns>The lines that it prints.</returns>
        public async Task<string[]> RunAsync(params string[] arguments) => (await RunToolAsync("tests/testbed/export-guest", arguments)).Split('\n');
    }
}
