using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Guests that are managed by the command line over the control socket of <c>vmbus run --control</c>.</summary>
[Collection(TestbedCollection.Name)]
public sealed class ControlTests(GuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    [Fact]
    public async Task Guest_is_shown_gets_and_loses_a_disk_is_typed_to_and_is_ended()
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + "script='" + MonitoredGuest.Words +
            """
            node /dev/sda; tell ready
            node /dev/sdb; size /dev/sdb 67108864; dd if=/dev/sdb of=/dev/null bs=1M 2>/dev/null && tell found
            read word </dev/console; tell "$word"
            gone /dev/sdb; tell gone
            sleep 100000
            '
            truncate -s 32M "$work/first"; truncate -s 64M "$work/disk"
            export VMBUS_CONTROL=$work/control
            # Without the shutdown service nothing in this guest hears that it is asked to power off.
            start_guest --integration none --name demo --disk "$work/first,id=first" --control "$VMBUS_CONTROL"; wait_for 'mark ready'
            stat -c 'mode %a' "$VMBUS_CONTROL"
            "$VMBUS" events >"$work/events" & events=$!
            printf 'typed\r' | "$VMBUS" console --scrollback 256K >"$work/attached" & attached=$!
            "$VMBUS" show | grep -E '^(name|state)|SCSI controller, open' | sed 's/, open.*/, open/'
            (cd "$work" && "$VMBUS" disk add disk,id=data); wait_for 'mark found'; wait_for 'mark typed'
            "$VMBUS" disk list | sed "s|$work|WORK|"
            "$VMBUS" disk list --json | grep -c '"format": "raw"'
            "$VMBUS" top | awk '$2 == "scsi" && $3 == 0 { print "top", NF, ($9 > 0) ? "I/O" : "idle", ($10 ~ /^[0-9.]+(us|ms)$/) ? "latency" : $10, ($12 ~ /^[0-9]+[kM]?$/) ? "bytes" : $12, $14 }'
            "$VMBUS" disk remove data; wait_for 'mark gone'
            status=0; "$VMBUS" disk remove data 2>"$work/error" || status=$?; echo "status $status: $(cat "$work/error")"
            status=0; "$VMBUS" disk add "$work/disk,colour=red" 2>"$work/error" || status=$?; echo "status $status"
            status=0; "$VMBUS" run --kernel "$MINIMAL/vmlinuz-6.1" --console none --control "$VMBUS_CONTROL" 2>"$work/error" || status=$?
            echo "status $status: $(sed "s|$work|WORK|" "$work/error")"
            status=0; "$VMBUS" stop --timeout 1 2>"$work/error" || status=$?; echo "status $status: $(cat "$work/error")"
            ended
            wait $events; wait $attached
            tr -d '\r' <"$work/attached" | grep -oE 'mark (ready|typed|gone)' | sed 's/^/attached: /'
            cut -d' ' -f 3- "$work/events" | grep -E 'ended'
            [[ ! -e $VMBUS_CONTROL ]] || echo 'the socket is left'
            status=0; "$VMBUS" show 2>"$work/error" || status=$?; echo "status $status"
            """,
            Limit);
        Assert.Equal(
            """
            mode 600
            name      demo
            state     running
            channel   1: SCSI controller, open
            disk data added: LUN 1, 64M
            ID     BUS     LUN       SIZE  FORMAT  STATE     PATH
            first  vmbus     0        32M  raw     writable  WORK/first
            data   vmbus     1        64M  raw     writable  WORK/disk
            2
            top 14 I/O latency bytes 0.0%
            disk data removed
            status 1: vmbus: There is no disk 'data': there are first.
            status 2
            status 1: vmbus: Control socket 'WORK/control': another process answers there: choose another path, or end that one.
            status 1: vmbus: demo did not power off in time, and was ended
            mark ready
            mark found
            mark typed
            mark gone
            status 130
            attached: mark ready
            attached: mark typed
            attached: mark gone
            demo  partition.ended  terminated
            status 1

            """,
            result.EnsureSuccess().Output);
    }

    [Fact]
    public async Task Stop_waits_until_the_guest_has_powered_itself_off()
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + "script='" + MonitoredGuest.Words +
            """
            until dmesg | grep -q "Shutdown IC version"; do sleep 0.1; done; tell ready
            sleep 100000
            '
            start_guest --name demo --control "$work/control"; wait_for 'mark ready'
            status=0; "$VMBUS" stop --timeout 100 --control "$work/control" || status=$?; echo "stop $status"
            ended
            """,
            Limit);
        Assert.Equal("stop 0\nmark ready\nstatus 0\n", result.EnsureSuccess().Output);
    }
}
