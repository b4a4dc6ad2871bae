using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Disk images that bring their own boot loader's configuration, booted as they are; <c>tests/testbed/boot-matrix</c> boots more kinds of them.</summary>
[Collection(TestbedCollection.Name)]
public sealed class DiskImageTests(GuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

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
    public async Task Image_that_cannot_be_booted_is_refused_with_the_same_line_on_the_console_and_by_vmbus_run()
    {
        CommandResult result = await host.RunGuestAsync("tests/testbed/boot-refused missing", Limit);
        Assert.Equal("missing: status 1: entry 'one' names the kernel '/boot/no-such-kernel', which is not on sda\n", result.EnsureSuccess().Output);
    }
}
