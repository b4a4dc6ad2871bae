using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Disks of every kind under a real guest, and what it sees when the host cannot keep its promise.</summary>
[Collection(TestbedCollection.Name)]
public sealed class DiskTests(GuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    [Fact]
    public async Task Guest_writes_images_of_every_format_and_other_tools_read_them()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/formats.XXXXXX"); trap 'rm -rf "$work"' EXIT
            disks=() size=32
            for format in qcow2 vhdx vpc vmdk; do
                qemu-img create -q -f $format "$work/disk.$format" ${size}M
                disks+=(--disk "$work/disk.$format,format=${format/vpc/vhd}")
                size=$((size + 32))    # the guest tells the disks apart by size
            done
            VMBUS_GUESTS=$MINIMAL tests/testbed/guest-run "${disks[@]}" minimal '
                until [ -b /dev/sdd ]; do sleep 0.1; done
                dd if=/dev/urandom of=/random bs=1M count=4 2>/dev/null
                for d in a b c d; do dd if=/random of=/dev/sd$d bs=1M seek=3 conv=fsync 2>/dev/null || exit 1; done
                sha256sum </random'
            for format in qcow2 vhdx vpc vmdk; do
                qemu-img convert -f $format -O raw "$work/disk.$format" "$work/raw"
                dd if="$work/raw" bs=1M skip=3 count=4 status=none | sha256sum
            done
            """,
            Limit);

        string[] sums = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal(5, sums.Length);
        Assert.Single(sums.Distinct(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Full_host_file_system_is_a_write_error_in_the_guest_which_goes_on()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/full.XXXXXX"); trap 'umount "$work" 2>/dev/null || true; rmdir "$work"' EXIT
            mount -t tmpfs -o size=8M none "$work"; truncate -s 64M "$work/disk"
            VMBUS_GUESTS=$MINIMAL tests/testbed/guest-run --disk "$work/disk" minimal '
                until [ -b /dev/sda ]; do sleep 0.1; done
                dd if=/dev/urandom of=/dev/sda bs=1M count=32 conv=fsync 2>/dev/null && echo "no error"
                dd if=/dev/sda of=/dev/null bs=4k count=1 2>/dev/null && echo "still reads"'
            """,
            Limit);
        string output = result.EnsureSuccess().Output;
        Assert.Contains("critical space allocation error", output, StringComparison.Ordinal);
        Assert.Contains("still reads\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("no error", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("direct file", "size=4096", "cache=direct")]
    [InlineData("device", "size=512", "format=raw")]
    [InlineData("device", "size=4096", "cache=direct")]
    public async Task Bytes_reach_a_file_past_the_page_cache_and_a_block_device(string medium, string sector, string options)
    {
        CommandResult result = await host.RunGuestAsync(
            $"""
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/medium.XXXXXX"); device=; trap '[[ -z $device ]] || losetup -d $device; rm -rf "$work"' EXIT
            {sector}; truncate -s 64M "$work/disk"; medium=$work/disk
            if [[ '{medium}' == device ]]; then
                modprobe loop 2>/dev/null || true
                device=$(losetup --find --show --sector-size $size --direct-io=on "$work/disk"); medium=$device
                options={options}
            else
                options={options},sector=$size
            fi
            VMBUS_GUESTS=$MINIMAL tests/testbed/guest-run --disk "$medium,$options" minimal '
                until [ -b /dev/sda ]; do sleep 0.1; done
                cat /sys/block/sda/queue/logical_block_size
                dd if=/dev/urandom of=/random bs=1M count=8 2>/dev/null
                dd if=/random of=/dev/sda bs=1M seek=4 conv=fsync 2>/dev/null
                dd if=/dev/sda of=/back bs=64k skip=64 count=128 iflag=direct 2>/dev/null
                cmp /random /back || exit 1
                sha256sum </random'
            dd if="$medium" bs=1M skip=4 count=8 iflag=direct status=none | sha256sum
            """,
            Limit);
        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Equal(sector, $"size={lines[0]}");
        Assert.Equal(lines[1], lines[2]);
    }

    [Fact]
    public async Task Read_only_disk_and_dvd_refuse_writes()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/readonly.XXXXXX"); trap 'rm -rf "$work"' EXIT
            truncate -s 16M "$work/disk" "$work/dvd.iso"; printf 'contents' | dd of="$work/dvd.iso" conv=notrunc status=none
            VMBUS_GUESTS=$MINIMAL tests/testbed/guest-run --disk "$work/disk,readonly" --disk "$work/dvd.iso,format=iso" minimal '
                until [ -b /dev/sda ] && [ -b /dev/sr0 ]; do sleep 0.1; done
                cat /sys/block/sda/ro; dd if=/dev/sr0 bs=8 count=1 2>/dev/null; echo
                dd if=/dev/zero of=/dev/sda bs=4k count=1 conv=fsync 2>/dev/null || echo refused'
            """,
            Limit);
        Assert.Equal("1\ncontents\nrefused\n", result.EnsureSuccess().Output);
    }
}
