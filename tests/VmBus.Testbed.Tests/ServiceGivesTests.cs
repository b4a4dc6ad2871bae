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
        within() { local left=240; until "$@"; do sleep 0.5; ((left--)) || { echo "not in time: $*" >&2; v list >&2; cat "$work/log" "$work/console" >&2; return 1; }; done; }
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
            active   partition web                    user N, given what it uses, 1 system call filter, no new privileges, at most 0 capabilities, sees no data of the host's, namespaces of its own: ipc mnt uts
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
            cp "$work/web.json" "$work/other.json"; v define "$work/other.json" >/dev/null; refused v start other; v undefine other >/dev/null
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
            vmbus: other does not start: Disk 'WORK/image.qcow2' is in use by another process; stop that one first (lslocks and lsof name it).
            status 1
            terminated
            no program is left
            an image is whole
            an image is whole

            """,
            result.EnsureSuccess().Output);
    }

    [FullFact]
    public async Task Worker_that_sees_no_data_of_the_hosts_reaches_back_ends_that_are_started_again_and_programs_of_the_host_of_which_it_may_open_none()
    {
        CommandResult result = await host.RunGuestAsync(
            Service + """
            cat >"$work/script" <<'END'
            set -eu
            tell() { echo "mark $*"; }
            disk() { until d=$(lsblk -bdno NAME,SIZE | awk -v size=$(($1 << 20)) '$2 == size { print $1 }') && [ -n "$d" ]; do sleep 0.2; done; echo /dev/$d; }
            modprobe hv_sock
            data=$(disk 48); dd if=/dev/urandom of=/r bs=1M count=8 2>/dev/null; dd if=/r of=$data bs=256k oflag=direct 2>/dev/null; tell restart
            until dd if=$data bs=1M count=8 iflag=direct 2>/dev/null | cmp -s - /r && [ -e /sys/class/net/eth0 ]; do sleep 0.2; done; tell written
            ip addr add 10.9.1.2/24 dev eth0; ip link set eth0 up; exec 3<>/dev/tcp/10.9.1.1/8080; read -r word <&3; tell "network $word"
            tell "socket $(socat -u VSOCK-CONNECT:2:5000 -)"
            socat -d -d -t 60 VSOCK-LISTEN:6000 EXEC:'echo up' 2>/tmp/said & until grep -q listening /tmp/said; do sleep 0.1; done; tell listening; wait
            late=$(disk 24); dd if=/r of=$late bs=1M oflag=direct 2>/dev/null; [ "$(dd if=$late bs=1M count=8 iflag=direct 2>/dev/null | sha256sum)" = "$(sha256sum </r)" ] && tell late
            sleep 100000
            END
            pids=; trap 'kill -9 $service $(field process) $pids 2>/dev/null || true; ip link delete given1 2>/dev/null || true; rm -rf "$work"' EXIT
            # What no user but root may look into.
            chmod 700 "$work" "$work/bin"
            modprobe tun; ip tuntap add given1 mode tap; ip addr add 10.9.1.1/24 dev given1; ip link set given1 up
            serving() { "$VMBUS" export "$@" 2>>"$work/served" & pids="$pids $!"; until [ -S "${!#}" ]; do sleep 0.1; done; }
            truncate -s 48M "$work/data"; truncate -s 24M "$work/late"
            serving blk --disk "$work/data" --socket "$work/data.sock"; data=${pids##* }; serving net --nic tap=given1 --socket "$work/net.sock"
            (umask 077; exec socat "UNIX-LISTEN:$work/vsock_5000,fork" 'EXEC:echo down') & pids="$pids $!"
            socat TCP-LISTEN:8080,bind=10.9.1.1,fork 'EXEC:echo yes' & pids="$pids $!"
            cp --sparse=always "$VMBUS_SCRATCH/root.img" "$work/root.img"; tests/testbed/guest-job make "$work/job.img" "$work/script"
            serve
            cat >"$work/web.json" <<END
            { "kernel": "$VMBUS_GUESTS/vmlinuz-6.1", "initrd": "$VMBUS_GUESTS/initrd-6.1", "memory": "1G", "cpus": 2, "console": "file:$work/console", "vsock": "$work/vsock",
              "append": "console=ttyS0 panic=-1 quiet root=LABEL=root rw $(tests/testbed/guest-job append | sed 's/"/\\"/g')",
              "disks": [{ "path": "$work/root.img" }, { "path": "$work/job.img" }, { "vhostUser": "$work/data.sock", "reconnect": 1 }], "nics": [{ "vhostUser": "$work/net.sock" }] }
            END
            v define "$work/web.json" >/dev/null; v start web; worker=$(field process)
            told restart; kill -9 $service; wait $service 2>/dev/null || true
            kill -9 $data; wait $data 2>/dev/null || true; rm "$work/data.sock"; serving blk --disk "$work/data" --socket "$work/data.sock"; told written
            told 'network yes'; told 'socket down'; told listening; echo 'CONNECT 6000' | socat -t 60 - "UNIX-CONNECT:$work/vsock" | tail -n 1
            serve; within is state running; [[ $(field process) == "$worker" ]] && echo 'the same worker'
            serving blk --disk "$work/late" --socket "$work/late.sock"; v disk add web "vhost-user=$work/late.sock,id=late" | sed "s|$work|WORK|"; told late
            v doctor | grep '^active' | sed -E 's/user 19[0-9]{8}/user N/'
            ls "/proc/$worker/root" "/proc/$worker/root/var" "/proc/$worker/root/$VMBUS_SCRATCH" 2>/dev/null | grep -cE 'root.img|lib$|data' || true
            connectors() { pgrep -f "^$work/bin/vmbus connect "; }
            for one in $(connectors); do tr '\0' ' ' <"/proc/$one/cmdline" | sed "s|$work|WORK|g"; echo; grep -E '^(CapEff|Seccomp):' "/proc/$one/status" | tr -s '\t' ' '; done
            v disk remove web late; only() { [[ $(connectors | wc -l) == "$1" ]]; }; within only 1
            kill -9 "$worker"; within only 0; [ ! -e "$work/vsock" ] && echo 'the socket is gone'
            kill $service; wait $service
            """,
            Limit);
        Assert.Equal(
            """
            web is started
            up
            the same worker
            disk late added: LUN 3, 24M
            active   partition web                    user N, given what it uses, 1 system call filter, no new privileges, at most 0 capabilities, sees no data of the host's, namespaces of its own: ipc mnt uts
            1
            WORK/bin/vmbus connect vsock=WORK/vsock vhost-user=WORK/data.sock vhost-user=WORK/net.sock 
            CapEff: 0000000000000002
            Seccomp: 2
            WORK/bin/vmbus connect vhost-user=WORK/late.sock 
            CapEff: 0000000000000002
            Seccomp: 2
            disk late removed
            the socket is gone

            """,
            result.EnsureSuccess().Output);
    }
}
