using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>A partition of the service whose worker has no rights: everything is opened for it, at its start and while its guest runs.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class ServiceGivesTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    // Where a user without rights may run it; the cache is root's own.
    private const string Service =
        """
        set -eu
        work=$(mktemp -d "$VMBUS_SCRATCH/given.XXXXXX"); export VMBUS_SERVICE=$work/state/vmbusd.sock
        service=; trap 'kill -9 $service $(field process) 2>/dev/null || true; ip link delete up0 2>/dev/null || true; rm -rf "$work"' EXIT
        mkdir "$work/bin"; chmod 755 "$work" "$work/bin"; cp "$VMBUS" "$work/bin/vmbus"; chmod 755 "$work/bin/vmbus"
        export VMBUSD_Service__Program=$work/bin/vmbus VMBUSD_Service__Http=none
        v() { "$VMBUS" "$@"; }
        answers() { v list >/dev/null 2>&1; }
        serve() { "$VMBUS" serve --definitions "$work/definitions" --state "$work/state" 2>>"$work/log" & service=$!; within answers; }
        field() { v show web --json | sed -n "s/^  \"$1\": \"\?\([^\",]*\)\"\?,\?$/\1/p"; }
        within() { local left=600; until "$@"; do sleep 0.2; ((left--)) || { echo "not in time: $*" >&2; v list >&2; cat "$work/log" "$work/console" >&2; return 1; }; done; }
        is() { [[ $(field "$1") == "$2" ]]; }
        told() { within grep -q "mark $1" "$work/console"; }
        refused() { local status=0; "$@" 2>"$work/error" || status=$?; sed "s|$work|WORK|g" "$work/error"; echo "status $status"; }
        running() { pgrep -x "$1" >/dev/null; }
        ended() { ! running "$1"; }
        define() {
            cat >"$work/web.json" <<END
            { "kernel": "$MINIMAL/vmlinuz-6.1", "initrd": "$MINIMAL/minimal-6.1", "memory": "512M", "cpus": 2, "log": "info", "console": "file:$work/console",
              "append": "console=ttyS0 panic=-1 quiet vmbus.run=$(base64 -w0 <<<"$script")", $1 }
        END
            v define "$work/web.json" >/dev/null
        }

        """;

    [Fact]
    public async Task Worker_has_no_rights_its_guest_resets_and_images_and_networks_of_every_kind_are_added_over_restarts_of_the_service()
    {
        CommandResult result = await host.RunGuestAsync(
            Service + "script='" + MonitoredGuest.Words +
            """
            node /dev/sda
            [ "$(dd if=/dev/sda bs=5 count=1 2>/dev/null)" = again ] || { echo again | dd of=/dev/sda conv=fsync 2>/dev/null; tell first; reboot -f; }
            [ -d /sys/class/net/eth0 ] && tell ready
            node /dev/sdb; dd if=/dev/urandom of=/r bs=1M count=2 2>/dev/null; dd if=/r of=/dev/sdb bs=1M conv=fsync 2>/dev/null
            [ "$(dd if=/dev/sdb bs=1M count=2 2>/dev/null | sha256sum)" = "$(sha256sum </r)" ] && tell image
            gone /dev/sdb; tell pulled
            until [ -d /sys/class/net/eth1 ]; do sleep 0.1; done; tell network
            until ls /dev/sd[bc] >/dev/null 2>&1; do sleep 0.1; done; tell later
            sleep 100000
            '
            modprobe tun
            ip link add up0 type dummy; ip addr add 192.0.2.10/24 dev up0; ip link set up0 up; ip route add default via 192.0.2.1
            truncate -s 32M "$work/disk" "$work/late"; chmod 600 "$work/disk" "$work/late"; qemu-img create -q -f qcow2 "$work/image.qcow2" 64M
            serve
            define "\"disks\": [{ \"path\": \"$work/disk\" }], \"nics\": [{ \"tap\": \"given0\" }]"
            v start web; told ready
            worker=$(field process)
            user=$(awk '$1 == "Uid:" { print $2, $3, $4, $5 }' /proc/$worker/status); ((${user%% *} >= 1900000000)) && [[ $(tr ' ' '\n' <<<"$user" | sort -u | wc -l) == 1 ]] && echo 'a user of its own'
            grep -E '^(CapPrm|CapEff|CapBnd|Seccomp|NoNewPrivs|Groups):' /proc/$worker/status | tr -s '\t ' ' '
            v doctor | grep '^active' | sed -E 's/user 19[0-9]{8}/user N/'
            echo "commands of its own: $(cat /proc/$worker/task/*/children | wc -w)"
            grep -c 'the guest reset' "$work/state/partitions/web/log"
            v disk add web "$work/image.qcow2,id=more"; told image
            refused v disk add web "$work/none.img"
            refused v disk add web "$work/disk"
            refused v disk add --control "$work/state/partitions/web/control" "$work/late"
            running qemu-nbd && echo 'qemu-nbd serves'
            v disk remove web more; told pulled; within ended qemu-nbd
            qemu-img check -q "$work/image.qcow2" && echo 'the image is whole'
            v nic add web user,id=net | sed -E 's/[0-9a-f]{2}(:[0-9a-f]{2}){5}/MAC/'; told network
            passt=$(pgrep -x passt.avx2 || pgrep -x passt)
            kill -9 $service; wait $service 2>/dev/null || true
            kill -9 $passt
            serve; within is state running; [[ $(field process) == "$worker" ]] && echo 'the same worker'
            renewed() { v nic list web | grep '^net: .* link up' >/dev/null; }
            within renewed && echo 'another passt'
            v disk add web "$work/late,id=late"; told later
            [[ $(v show web --json | grep -c .) -gt 5 ]]
            kill -9 $worker; within is state off; field end_reason
            within ended passt; within ended passt.avx2; ip link show given0 >/dev/null 2>&1 || echo 'the TAP is gone'
            kill $service; wait $service
            """,
            Limit);
        Assert.Equal(
            """
            web is started
            a user of its own
            Groups: 
            CapPrm: 0000000000000000
            CapEff: 0000000000000000
            CapBnd: 0000000000000000
            NoNewPrivs: 1
            Seccomp: 2
            active   partition web                    user N, given what it uses, 1 system call filter, no new privileges, at most 0 capabilities, namespaces of its own: ipc mnt uts
            commands of its own: 0
            1
            disk more added: LUN 1, 64M
            vmbus: Disk 'WORK/none.img' does not exist.
            status 1
            vmbus: Disk 'WORK/disk' is in use by another process, which uses it in conflict with our writing; stop that one first (lslocks and lsof name it).
            status 1
            vmbus: Disk 'WORK/late' was not given to this partition, which opens none by itself: name the partition, 'vmbus disk add NAME …', and the service opens it.
            status 1
            qemu-nbd serves
            disk more removed
            the image is whole
            network adapter net added: user, MAC
            the same worker
            another passt
            disk late added: LUN 2, 32M
            died
            the TAP is gone

            """,
            result.EnsureSuccess().Output);
    }

    [FullFact]
    public async Task Image_and_network_of_the_definition_are_served_by_programs_that_the_worker_cannot_start()
    {
        CommandResult result = await host.RunGuestAsync(
            Service + "script='" + MonitoredGuest.Words +
            """
            node /dev/sda; dd if=/dev/zero of=/dev/sda bs=1M count=4 conv=fsync 2>/dev/null && [ -d /sys/class/net/eth0 ] && tell ready
            [ -b /dev/vda ] && tell virtio
            sleep 100000
            '
            modprobe tun
            ip link add up0 type dummy; ip addr add 192.0.2.10/24 dev up0; ip link set up0 up; ip route add default via 192.0.2.1
            qemu-img create -q -f qcow2 "$work/image.qcow2" 64M; qemu-img create -q -f vhdx "$work/image.vhdx" 64M
            serve
            define "\"disks\": [{ \"path\": \"$work/none.vhdx\" }]"; refused v start web; v undefine web >/dev/null
            truncate -s 1000 "$work/odd.qcow2"; define "\"disks\": [{ \"path\": \"$work/odd.qcow2\", \"format\": \"qcow2\" }]"; refused v start web; v undefine web >/dev/null
            define "\"disks\": [{ \"path\": \"$work/image.qcow2\" }, { \"path\": \"$work/image.vhdx\", \"bus\": \"virtio\" }], \"nics\": [{ \"user\": true }]"
            v start web; told ready; told virtio
            worker=$(field process)
            grep -E '^(CapBnd|Seccomp):' /proc/$worker/status | tr -s '\t ' ' '
            pgrep -x qemu-nbd | wc -l
            refused v start web
            v kill web >/dev/null || true; within is state off; field end_reason
            within ended qemu-nbd; within ended passt; within ended passt.avx2; echo 'no program is left'
            for image in image.qcow2 image.vhdx; do qemu-img check -q "$work/$image" && echo 'an image is whole'; done
            kill $service; wait $service
            """,
            Limit);
        Assert.Equal(
            """
            vmbus: web does not start: Disk 'WORK/none.vhdx' does not exist.
            status 1
            vmbus: web does not start: Disk 'WORK/odd.qcow2' is no qcow2 image: it looks like raw; give the format it has.
            status 1
            web is started
            CapBnd: 0000000000000000
            Seccomp: 2
            2
            vmbus: web is running already.
            status 1
            terminated
            no program is left
            an image is whole
            an image is whole

            """,
            result.EnsureSuccess().Output);
    }
}
