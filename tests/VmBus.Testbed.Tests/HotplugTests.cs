using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Disks that come, grow and go under a running guest, by commands on the monitor of <c>vmbus run</c>.</summary>
[Collection(TestbedCollection.Name)]
public sealed class HotplugTests(GuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    [Fact]
    public async Task Disk_is_added_grows_is_pulled_out_of_running_commands_and_added_again()
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + "script='" + MonitoredGuest.Words +
            """
            old=$(warnings); node /dev/sda; tell ready
            node /dev/sdb; size /dev/sdb 67108864
            dd if=/dev/urandom of=/r bs=1M count=4 2>/dev/null; sum=$(sha256sum </r)
            dd if=/r of=/dev/sdb bs=1M conv=fsync 2>/dev/null && tell wrote
            size /dev/sdb 134217728
            dd if=/r of=/dev/sdb bs=1M seek=100 conv=fsync 2>/dev/null && tell grown
            size /dev/sdb 268435456; tell found
            mknod /b b 8 16
            (while dd if=/b of=/dev/null bs=64k count=99 iflag=direct 2>/dev/null; do :; done; echo >/e1) &
            (while dd if=/dev/zero of=/b bs=64k seek=32 count=99 oflag=direct 2>/dev/null; do :; done; echo >/e2) &
            tell busy
            gone /dev/sdb; until [ -e /e1 ] && [ -e /e2 ]; do sleep 0.1; done
            dd if=/dev/sda of=/dev/null bs=1M iflag=direct 2>/dev/null && tell pulled
            node /dev/sdb
            [ "$(dd if=/dev/sdb bs=1M skip=100 count=4 2>/dev/null | sha256sum)" = "$sum" ] && tell same
            tell warnings $(($(warnings) - old))
            '
            truncate -s 32M "$work/first"; truncate -s 64M "$work/disk"
            start_guest --disk "$work/first"; wait_for 'mark ready'
            before=$(descriptors)
            monitor "disk add $work/disk,id=data" 'disk data added: LUN 1, 64M'; wait_for 'mark wrote'
            is_locked raw "$work/disk"
            monitor 'disk resize data 128M' 'disk data has 128M now'; wait_for 'mark grown'
            truncate -s 256M "$work/disk"; monitor 'disk resize data' 'disk data has 256M now'; wait_for 'mark found'
            monitor 'disk resize data 1M' 'error: '
            wait_for 'mark busy'; monitor 'disk remove data' 'disk data removed'
            if is_locked raw "$work/disk"; then echo 'still locked'; fi
            echo "descriptors left $(($(descriptors) - before))"
            wait_for 'mark pulled'
            monitor "disk add $work/disk,id=data" 'disk data added: LUN 2, 256M'; wait_for 'mark same'
            ended
            """,
            Limit);
        Assert.Equal(
            "descriptors left 0\nmark ready\nmark wrote\nmark grown\nmark found\nmark busy\nmark pulled\nmark same\nmark warnings 0\nstatus 0\n",
            result.EnsureSuccess().Output);
    }

    [Fact]
    public async Task Image_that_qemu_nbd_serves_is_added_pulled_out_enlarged_and_added_again()
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + "script='" + MonitoredGuest.Words +
            """
            tell ready
            node /dev/sda; mknod /b b 8 0
            dd if=/dev/urandom of=/r bs=1M count=4 2>/dev/null; sum=$(sha256sum </r)
            dd if=/r of=/b bs=1M conv=fsync 2>/dev/null && tell wrote
            (while dd if=/b of=/dev/null bs=64k count=99 iflag=direct 2>/dev/null; do :; done; echo >/e1) &
            tell busy; gone /dev/sda; until [ -e /e1 ]; do sleep 0.1; done; tell pulled
            node /dev/sda; size /dev/sda 134217728
            [ "$(dd if=/dev/sda bs=1M count=4 2>/dev/null | sha256sum)" = "$sum" ] && tell same
            '
            # A name that says nothing of the format.
            image=$work/disk; qemu-img create -q -f qcow2 "$image" 64M
            start_guest --sandbox spawn; wait_for 'mark ready'
            monitor 'disk list' 'no disks'
            monitor "disk add $image" 'error: '
            monitor "disk add $image,format=qcow2" 'disk lun0 added: LUN 0, 64M'; wait_for 'mark busy'
            is_locked qcow2 "$image"
            monitor 'disk resize lun0 128M' 'qemu-img resize'
            monitor 'disk remove lun0' 'disk lun0 removed'; wait_for 'mark pulled'
            if is_locked qcow2 "$image"; then echo 'still locked'; fi
            [[ -z $(cat /proc/$worker/task/*/children) ]] || echo 'a child is left'
            qemu-img resize -q "$image" 128M
            monitor "disk add $image,format=qcow2,id=again" 'disk again added: LUN 1, 128M'; wait_for 'mark same'
            ended
            """,
            Limit);
        Assert.Equal("mark ready\nmark wrote\nmark busy\nmark pulled\nmark same\nstatus 0\n", result.EnsureSuccess().Output);
    }

    [Fact]
    public async Task Monitor_tells_of_the_partition_and_ends_it()
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + "script='" + MonitoredGuest.Words +
            """
            node /dev/sda; tell ready; read word </dev/console; tell $word; sleep 100000
            '
            truncate -s 32M "$work/disk"
            start_guest --disk "$work/disk,readonly,id=only" --name demo; wait_for 'mark ready'
            monitor info 'name      demo'; wait_for 'state     running'; wait_for 'VMBus 5.3'; wait_for 'SCSI controller, open'
            monitor 'disk list' 'ID    BUS     LUN'; wait_for 'only  vmbus     0        32M  raw     read-only'
            monitor 'disk remove other' "error: There is no disk 'other': there are only."
            monitor 'frobnicate' "error: 'frobnicate' is no command"
            printf 'typed\r' >&$keys; wait_for 'mark typed'
            printf '\001cquit\n' >&$keys; ended
            """,
            Limit);
        Assert.Equal("mark ready\nmark typed\nstatus 130\n", result.EnsureSuccess().Output);
    }
}
