using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Disk images that bring their own boot loader's configuration, booted as they are; <c>tests/testbed/boot-matrix</c> boots more kinds of them.</summary>
[Collection(TestbedCollection.Name)]
public sealed class DiskImageTests(GuestFixture host)
{
    // Two boots in an emulated host take minutes, and several times as long where others are at work. It only bounds a hang.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(60);

    [DiskImageFact]
    public async Task Image_boots_as_its_grub_says_then_the_kernel_that_was_chosen_in_the_guest_and_keeps_its_data()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/image.XXXXXX"); trap 'rm -rf "$work"' EXIT
            qemu-img create -q -f qcow2 -F raw -b "$IMAGE/disk.img" "$work/server.qcow2"
            printf '#cloud-config\nhostname: from-user-data\n' >"$work/user-data"
            tests/testbed/boot-run --option --user-data="$work/user-data" --option --append=from.host "$work/server.qcow2" \
                'mount -o ro -L cidata /mnt; echo FIRST $(uname -r | cut -d. -f-2) $(grep host /mnt/user-data) $(grep -c from.host /proc/cmdline)' \
                'echo kept >/root/kept; grub-reboot "1>2"' reboot \
                'echo SECOND $(uname -r | cut -d. -f-2) $(cat /root/kept); poweroff' >"$work/seen" && status=0 || status=$?
            sed 's/\x1b\[[?0-9;]*[A-Za-z]//g; s/\r//g' "$work/seen" | grep -E '^(FIRST|SECOND) |^vmbus loader:' | sed "s/'.*'/TITLE/; s/-[0-9][^ ]*/-VERSION/" || tail -n 30 "$work/seen" >&2
            echo "status $status"
            """,
            Limit);
        Assert.Equal(
            """
            vmbus loader: booting TITLE (/vmlinuz-VERSION on sda2)
            FIRST 6.12 hostname: from-user-data 1
            vmbus loader: booting TITLE (/vmlinuz-VERSION on sda2)
            SECOND 6.1 kept
            status 0

            """,
            result.EnsureSuccess().Output);
    }

    [DiskImageFact]
    public async Task Cloud_image_gets_its_host_name_and_a_key_from_user_data_and_its_instance_from_metadata()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/image.XXXXXX"); trap 'rm -rf "$work"' EXIT
            qemu-img create -q -f qcow2 -F raw -b "$CLOUD_IMAGE/disk.img" "$work/server.qcow2"
            key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI$(printf 'A%.0s' {1..43}) somebody"
            printf '#cloud-config\nhostname: from-user-data\nssh_authorized_keys: ["%s"]\n' "$key" >"$work/user-data"
            printf 'instance-id: from-metadata\n' >"$work/meta-data"
            tests/testbed/boot-run --host from-user-data --option --user-data="$work/user-data" --option --meta-data="$work/meta-data" "$work/server.qcow2" \
                'cloud-init status --wait >/dev/null; echo SEEN $(hostname) $(cat /var/lib/cloud/data/instance-id) $(grep -c "AAAAA somebody" /home/debian/.ssh/authorized_keys); poweroff' \
                >"$work/seen" && status=0 || status=$?
            sed 's/\x1b\[[?0-9;]*[A-Za-z]//g; s/\r//g' "$work/seen" | grep '^SEEN ' || tail -n 30 "$work/seen" >&2
            echo "status $status"
            """,
            Limit);
        Assert.Equal("SEEN from-user-data from-metadata 1\nstatus 0\n", result.EnsureSuccess().Output);
    }

    [DiskImageFact]
    public async Task Image_that_cannot_be_booted_is_refused_with_the_same_line_on_the_console_and_by_vmbus_run()
    {
        CommandResult result = await host.RunGuestAsync("BOOT_IMAGE=\"$IMAGE/disk.img\" tests/testbed/boot-refused", Limit);
        Assert.Equal(
            """
            blank: status 1: the disk is blank: it has neither partitions nor a known file system
            entry: status 1: no boot entry: neither GRUB's grub.cfg, nor loader/entries, nor extlinux.conf on sda (ext4)
            missing: status 1: entry 'one' names the kernel '/boot/no-such-kernel', which is not on sda
            initrd: status 1: entry 'one' names the initrd '/boot/no-such-initrd', which is not on sda
            machine: status 1: entry 'one': the kernel '/boot/Image' is for another architecture (64-bit ARM); this machine is x86-64
            encrypted: status 1: the image is encrypted, and the loader has no key: sda (crypto_LUKS)
            unknown: status 1: unknown file system on sda (minix): the loader knows ext4, xfs, btrfs and vfat
            truncated: status 1: the image is truncated: its partition table ends at 4294967296 bytes, the image at 67108864

            """,
            result.EnsureSuccess().Output);
    }
}
