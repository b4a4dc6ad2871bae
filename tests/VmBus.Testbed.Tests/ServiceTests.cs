using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>A guest that the service keeps: from its definition to its end, by the command line.</summary>
[Collection(TestbedCollection.Name)]
public sealed class ServiceTests(GuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    [Fact]
    public async Task Guest_outlives_its_service_and_is_restarted_when_its_worker_is_killed()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/service.XXXXXX"); export VMBUS_SERVICE=$work/state/vmbusd.sock
            service=; trap 'kill -9 $service $(field process) 2>/dev/null || true; rm -rf "$work"' EXIT
            v() { "$VMBUS" "$@"; }
            answers() { v list >/dev/null 2>&1; }
            serve() { "$VMBUS" serve --definitions "$work/definitions" --state "$work/state" 2>>"$work/log" & service=$!; within answers; }
            field() { v show web --json | sed -n "s/^  \"$1\": \"\?\([^\",]*\)\"\?,\?$/\1/p"; }
            within() { local left=240; until "$@"; do sleep 0.5; ((left--)) || { echo "not in time: $*" >&2; v list >&2; cat "$work/log" >&2; return 1; }; done; }
            is() { [[ $(field "$1") == "$2" ]]; }
            has_another() { [[ $(field process) != "$first" ]]; }
            mkfifo "$work/keys"; exec {keys}<>"$work/keys"
            converse() {
                "$VMBUS" console web --scrollback 256K <&$keys >"$work/seen" & local attached=$!
                within grep -q 'mark ready' "$work/seen"; printf 'typed\r' >&$keys; within grep -q 'mark typed' "$work/seen"
                kill $attached; wait $attached || true; echo "typed and read"
            }
            script='until dmesg | grep -q "Shutdown IC version"; do sleep 0.1; done; echo "mark ready"; read word </dev/console; echo "mark $word"; sleep 100000'
            cat >"$work/web.json" <<END
            { "kernel": "$MINIMAL/vmlinuz-6.1", "initrd": "$MINIMAL/minimal-6.1", "memory": "512M", "restart": "on-crash",
              "append": "console=ttyS0 panic=-1 quiet vmbus.run=$(base64 -w0 <<<"$script")", "disks": [{ "path": "$work/disk", "id": "data" }] }
            END
            serve
            v define "$work/web.json"
            status=0; v start web 2>"$work/error" || status=$?; sed "s|$work|WORK|g" "$work/error"; echo "status $status"
            truncate -s 32M "$work/disk"
            v start web; first=$(field process)
            v list | sed -E "s/ +$first +/ PID /"
            converse
            v disk list web | awk '{ print $1, $4 }'
            kill -9 $service; wait $service 2>/dev/null || true; v disk list web | wc -l
            serve; within is state running; has_another || echo 'the same worker'
            v show web | grep -oE 'SCSI controller, open'
            kill -9 "$first"; within has_another
            within is state running; has_another && echo 'another worker'; field end_reason
            converse
            kill $service; wait $service; echo "service $?"
            serve; within is state running
            status=0; v stop web || status=$?; echo "stop $status"
            v list; v undefine web; v list
            kill $service; wait $service
            """,
            Limit);
        Assert.Equal(
            """
            web is defined
            vmbus: web does not start: Disk 'WORK/disk' does not exist.
            status 1
            web is started
            NAME  STATE       PROCESS  CPUS  MEMORY  AUTOSTART  RESTART   NOTE
            web   running PID 1  512M    no         on-crash
            typed and read
            ID SIZE
            data 32M
            2
            the same worker
            SCSI controller, open
            another worker
            died
            typed and read
            service 0
            stop 0
            NAME  STATE       PROCESS  CPUS  MEMORY  AUTOSTART  RESTART   NOTE
            web   off               -     1  512M    no         on-crash
            web is not defined any more
            no partitions are defined

            """,
            result.EnsureSuccess().Output);
    }
}
