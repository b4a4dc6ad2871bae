using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Virtio devices in a partition, beside those of the VMBus: unmodified Debian finds both with its own drivers.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class VirtioTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    [Fact]
    public async Task Guest_writes_trims_and_reads_its_disk_and_cannot_write_the_read_only_one()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/virtio.XXXXXX"); trap 'rm -rf "$work"' EXIT
            mkdir "$work/files"; echo from the host >"$work/files/host"; truncate -s 128M "$work/data"; truncate -s 64M "$work/fixed"
            mke2fs -q -t ext4 -d "$work/files" "$work/data"
            VMBUS_GUESTS=$MINIMAL tests/testbed/guest-run --kernel 6.12 --cpus 2 --disk "$work/data,bus=virtio,id=data" --disk "$work/fixed,bus=virtio,readonly" minimal '
                until [ -b /dev/vda ] && [ -b /dev/vdb ]; do sleep 0.1; done
                cat /sys/block/vda/serial; echo; cat /sys/block/vda/size /sys/block/vdb/ro; basename $(readlink /sys/block/vda/device/driver); cut -c35 /sys/block/vda/device/features
                mount -t ext4 /dev/vda /mnt; cat /mnt/host; dd if=/dev/urandom of=/mnt/f bs=1M count=16 conv=fsync 2>/dev/null; sum=$(sha256sum </mnt/f)
                umount /mnt; echo 3 >/proc/sys/vm/drop_caches; mount -t ext4 /dev/vda /mnt; [ "$sum" = "$(sha256sum </mnt/f)" ] && echo "same $sum"
                fstrim /mnt && echo trimmed; umount /mnt
                dd if=/dev/zero of=/dev/vdb bs=4k count=1 conv=fsync 2>/dev/null || echo refused
                dmesg -r | grep "^<[0-4]>" | grep -iE "virtio|vd[ab]|pci|irq" || true' >"$work/said"
            cat "$work/said"; e2fsck -fn "$work/data" >/dev/null && debugfs -R "cat f" "$work/data" 2>/dev/null | sha256sum
            """,
            Limit);

        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal(["data", "262144", "1", "virtio_blk", "1", "from the host", $"same {lines[^1]}", "trimmed", "refused", lines[^1]], lines);
    }

    [FullTheory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task Debian_uses_virtio_disks_sockets_console_and_balloon_beside_the_devices_of_the_bus(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            $$"""
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/virtio.XXXXXX"); servers=(); trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
            cp "$VMBUS_SCRATCH/root.img" "$work/root"; truncate -s 128M "$work/data"; truncate -s 64M "$work/fixed"
            head -c 2M /dev/urandom >"$work/down"
            socat -t 60 "UNIX-LISTEN:$work/vsock_5000,fork" "EXEC:cat $work/down" & servers+=("$!")
            socat -t 60 "UNIX-LISTEN:$work/vsock_5001,fork" EXEC:sha256sum & servers+=("$!")
            export VMBUS_CONTROL=$work/control
            {
                # The guest gets to it after its console: asking all the time would keep it from running.
                until grep -q console "$work/hvc"; do sleep 0.5; done; until "$VMBUS" memory set 800M; do sleep 0.5; done
                "$VMBUS" memory show; exec socat "UNIX-LISTEN:$work/vsock_5002,fork" "EXEC:echo done"
            } >"$work/memory" 2>/dev/null & servers+=("$!")
            tests/testbed/guest-run --kernel {{kernel}} --cpus 2 --root "$work/root" --option "--vsock=$work/vsock,bus=virtio,cid=42" \
                --option "--virtio-console=file:$work/hvc" --option --balloon --option --rng --option "--control=$work/control" \
                --disk "$work/data,bus=virtio,id=data" --disk "$work/fixed,bus=virtio,readonly" debian '
                set -eu
                until [ -b /dev/vda ] && [ -b /dev/vdb ]; do sleep 0.2; done
                cat /sys/block/vda/serial; echo; cat /sys/block/vda/size /sys/block/vdb/ro
                basename "$(readlink /sys/block/vda/device/driver)"
                mkfs.ext4 -q /dev/vda; mount /dev/vda /mnt
                dd if=/dev/urandom of=/mnt/f bs=1M count=16 conv=fsync 2>/dev/null; sum=$(sha256sum </mnt/f)
                umount /mnt; mount /dev/vda /mnt; [ "$sum" = "$(sha256sum </mnt/f)" ] && echo same
                fstrim -v /mnt; umount /mnt; fsck.ext4 -fn /dev/vda >/dev/null 2>&1 && echo clean
                dd if=/dev/zero of=/dev/vdb bs=4k count=1 conv=fsync 2>/dev/null || echo refused
                modprobe vmw_vsock_virtio_transport
                socat -u VSOCK-CONNECT:2:5000,connect-timeout=60 - >/tmp/down; socat -t 60 - VSOCK-CONNECT:2:5001,connect-timeout=60 </tmp/down
                until [ -c /dev/hvc0 ]; do sleep 0.2; done; { stty raw; echo "to the console"; } <>/dev/hvc0 >&0
                until socat -u VSOCK-CONNECT:2:5002 - 2>/dev/null | grep -q done; do sleep 0.2; done
                [ $(sed -n "s/^MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo) -lt 820000 ]
                ls /sys/bus/pci/drivers/virtio-pci | grep -c :
                until grep -q virtio /sys/class/misc/hw_random/rng_current; do sleep 0.2; done
                for device in /sys/block/vd[ab]/device /sys/bus/virtio/drivers/virtio_rng/virtio*; do echo "packed $(cut -c35 <$device/features)"; done
                cat /sys/class/misc/hw_random/rng_current; dd if=/dev/hwrng bs=4096 count=4 iflag=fullblock status=none | wc -c
                echo "warnings:"; dmesg --level=emerg,alert,crit,err,warn | grep -iE "virtio|vd[ab]|pci|irq|eth" || true' >"$work/said"
            cat "$work/said"; echo; cat "$work/hvc"; sha256sum <"$work/down"; cat "$work/memory"
            """,
            Limit);

        string[] parts = result.EnsureSuccess().Output.Split("\n\n", 2);
        string output = parts[0] + "\n";
        Assert.StartsWith("data\n262144\n1\n", output, StringComparison.Ordinal);
        Assert.Contains("virtio_blk\n", output, StringComparison.Ordinal);
        Assert.Contains("same\n", output, StringComparison.Ordinal);
        Assert.Contains("trimmed", output, StringComparison.Ordinal);
        string[] beside = parts[1].Trim().Split('\n');
        Assert.Equal("to the console", beside[0]);
        Assert.Equal("the guest has 800M of memory", beside[2]);
        Assert.Equal("driver    virtio balloon, gives memory back", beside[^1]);
        // The disks and the entropy device have packed rings.
        Assert.Contains($"clean\nrefused\n{beside[1]}\n6\npacked 1\npacked 1\npacked 1\nvirtio_rng.0\n16384\n", output, StringComparison.Ordinal);
        Assert.EndsWith("warnings:\n", output, StringComparison.Ordinal);
    }

    [FullFact]
    public async Task Debian_runs_on_disks_that_qemu_storage_daemon_serves_on_either_bus()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/virtio.XXXXXX"); cd "$work"; pids=; trap 'kill $pids 2>/dev/null || true; rm -rf "$work"' EXIT
            cp "$VMBUS_SCRATCH/root.img" root; truncate -s 128M data gone
            serve() {
                qemu-storage-daemon --blockdev driver=file,node-name=f,filename="$1",discard=unmap --blockdev driver=raw,node-name=d,file=f,discard=unmap \
                    --export type=vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path="$1.sock",writable=on,num-queues="$2" & pids="$pids $!"
                until [ -S "$1.sock" ]; do sleep 0.1; done
            }
            serve root 2; root=$!; serve data 2; serve gone 1; gone=$!
            said() { until grep -q "host: $1" console 2>/dev/null; do sleep 0.3; done; }
            (
                trap 'kill $pids 2>/dev/null || true' EXIT; pids=
                said restart; kill -9 $root; rm root.sock; sleep 1; serve root 2; said leave; kill -9 $gone; said end; wait
            ) & pids="$pids $!"
            "$OLDPWD/tests/testbed/guest-run" --cpus 2 --root "vhost-user=$work/root.sock,reconnect=1" --console console \
                --disk "vhost-user=$work/data.sock,bus=virtio,id=data" --disk "vhost-user=$work/gone.sock" debian '
                set -eu
                until [ -b /dev/vda ]; do sleep 0.2; done
                # Linux names disks in the order in which it finds them, which is any.
                name() { basename /sys/bus/scsi/devices/*:0:$1/block/*; }
                [ "$(findmnt -no SOURCE /)" = "/dev/$(name 0)" ] && echo root; gone=/dev/$(name 1); basename "$(readlink /sys/block/vda/device/driver)"
                echo "host: restart" >/dev/ttyS0
                dd if=/dev/urandom of=/var/f bs=256k count=96 oflag=dsync 2>/dev/null; sum=$(md5sum </var/f)
                echo 3 >/proc/sys/vm/drop_caches; [ "$sum" = "$(md5sum </var/f)" ] && echo "same $sum"
                fstrim / && echo trimmed
                mkfs.ext4 -q /dev/vda; mount /dev/vda /mnt; cp /var/f /mnt/f; umount /mnt; mount /dev/vda /mnt
                [ "$sum" = "$(md5sum </mnt/f)" ] && echo same; fstrim /mnt; umount /mnt; fsck.ext4 -fn /dev/vda >/dev/null 2>&1 && echo clean
                dd if=$gone of=/dev/null bs=1M count=16 iflag=direct 2>/dev/null && echo there
                echo "warnings:"; dmesg --level=emerg,alert,crit,err,warn | grep -iE "virtio|vd[ab]|sd[abc]|storvsc|I/O|EXT4|pci|irq" || true; echo "."
                echo "host: leave" >/dev/ttyS0
                while dd if=$gone of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null; do sleep 0.2; done; echo gone
                echo "host: end" >/dev/ttyS0' 2>errors
            grep -c "root.sock.*waits until" errors; grep -c "gone.sock.*from now on the guest gets I/O errors" errors; grep -c . errors
            sync; debugfs -R "cat /var/f" root 2>/dev/null | md5sum
            """,
            Limit);

        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        string sum = lines[2]["same ".Length..];
        Assert.Equal(["root", "virtio_blk", $"same {sum}", "trimmed", "same", "clean", "there", "warnings:", ".", "gone", "1", "1", "2", sum], lines);
    }

    [FullFact]
    public async Task Virtio_adapter_and_synthetic_one_of_a_vhost_user_back_end_share_a_bridge()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/virtio.XXXXXX"); cp "$VMBUS_SCRATCH/root.img" "$work/root"; tree=$PWD; cd "$work"; pids=
            modprobe tun; modprobe bridge; ip link add vbr type bridge; ip addr add 10.9.0.1/24 dev vbr; ip link set vbr up
            trap 'kill $pids 2>/dev/null || true; ip link del vbr; rm -rf "$work"' EXIT
            head -c 32M /dev/urandom >file; sha256sum <file
            timeout 400 python3 -m http.server --bind 10.9.0.1 8080 >/dev/null 2>&1 & pids=$!
            serve() { "$VMBUS" export net --nic bridge=vbr --socket net >>served 2>&1 & pids="$pids $!"; until [ -S net ]; do sleep 0.1; done; }
            serve; served=$!
            (
                trap 'kill $pids 2>/dev/null || true' EXIT; pids=
                until grep -q "host: restart" console 2>/dev/null; do sleep 0.3; done
                kill -9 $served; until grep -q "host: start" console; do sleep 0.3; done
                serve; wait
            ) & pids="$pids $!"
            "$tree/tests/testbed/guest-run" --cpus 2 --root root --console console --nic bridge=vbr,bus=virtio,mac=52:54:00:00:00:07 --nic "vhost-user=$work/net,mac=52:54:00:00:00:08" debian '
                set -eu
                # Debian gives the adapter on the PCI bus a name of its place there.
                adapter() { grep -l "$1" /sys/class/net/e*/address | cut -d/ -f5; }
                until [ $(ls /sys/class/net | grep -c ^e) = 2 ]; do sleep 0.2; done; udevadm settle
                for n in /sys/class/net/e*; do basename "$(readlink $n/device/driver)"; done | sort
                v=$(adapter 52:54:00:00:00:07); s=$(adapter 52:54:00:00:00:08)
                echo "packed $(cut -c35 </sys/class/net/$v/device/features)"
                use() { ip addr add $2 dev $1; ip link set $1 up; until ping -c 1 -W 1 10.9.0.1 >/dev/null 2>&1; do :; done; }
                copy() { exec 3<>/dev/tcp/10.9.0.1/8080; printf "GET /file HTTP/1.0\r\n\r\n" >&3; sed "1,/^\r$/d" <&3 | sha256sum; }
                use $v 10.9.0.2/24; copy; ip addr flush dev $v; ip link set $v down
                use $s 10.9.0.3/24; copy
                echo "host: restart" >/dev/ttyS0
                until [ "$(cat /sys/class/net/$s/carrier)" = 0 ]; do sleep 0.2; done; echo down
                echo "host: start" >/dev/ttyS0
                until [ "$(cat /sys/class/net/$s/carrier)" = 1 ]; do sleep 0.2; done; echo up; copy
                echo "warnings:"; dmesg --level=emerg,alert,crit,err,warn | grep -iE "virtio|vd[ab]|pci|irq|eth|netvsc" || true' 2>errors
            grep -c "the link is down until there is one again" errors; grep -c . errors
            """,
            Limit);

        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        string sum = lines[0];
        Assert.Equal([sum, "hv_netvsc", "virtio_net", "packed 1", sum, sum, "down", "up", sum, "warnings:", "1", "1"], lines);
    }

    [FullFact]
    public async Task Partition_on_the_bus_and_one_by_virtio_exchange_their_disks_over_a_bridge_while_they_read_them()
    {
        // A gigabyte: tests/testbed/exchange.
        const int mib = 32;
        CommandResult result = await host.RunGuestAsync(
            $$"""
            set -eu
            work=$(mktemp -d "$VMBUS_SCRATCH/virtio.XXXXXX"); tree=$PWD; cd "$work"; pids=
            modprobe tun; modprobe bridge; ip link add vbr type bridge; ip link set vbr up
            trap 'kill $pids 2>/dev/null || true; ip link del vbr; rm -rf "$work"' EXIT
            for disk in a b; do head -c {{mib}}M /dev/urandom >$disk; truncate -s {{mib}}M to-$disk; done
            # guest OWN PEER DISK OTHER OPTION…: gives what its disk has, takes what the other has, and reads its disk all the time. Linux names SCSI disks in
            # any order.
            guest() {
                VMBUS_GUESTS=$MINIMAL "$tree/tests/testbed/guest-run" --cpus 2 --console console-$1 "${@:5}" minimal "
                    scsi() { basename /sys/bus/scsi/devices/*:0:\$1/block/*; }
                    until [ -b /dev/$4 ] && [ -e /sys/class/net/eth0 ]; do sleep 0.1; done
                    mkfifo /silent; exec 3<>/silent
                    nc -l -p 7000 <&3 | dd of=/dev/$4 bs=64k iflag=fullblock conv=fsync 2>/dev/null & taken=\$!
                    (while :; do dd if=/dev/$3 of=/dev/null bs=4k count=200 iflag=direct 2>/dev/null; sleep 0.1; done) & busy=\$!
                    ip addr add 10.9.0.$1/24 dev eth0; ip link set eth0 up
                    until ping -c 1 -W 1 10.9.0.$2 >/dev/null; do :; done
                    dd if=/dev/$3 bs=64k 2>/dev/null | nc 10.9.0.$2 7000; wait \$taken; kill \$busy
                    basename \$(readlink /sys/class/net/eth0/device/driver); dmesg | grep -iE 'virtio|vd[ab]|sd[ab]|storvsc|netvsc|eth0' | grep -iE 'warn|error|fail|timed|reset' || true"
            }
            guest 1 2 '$(scsi 0)' '$(scsi 1)' --disk a --disk to-a --nic bridge=vbr >first & pids=$!
            guest 2 1 vda vdb --disk b,bus=virtio --disk to-b,bus=virtio --nic bridge=vbr,bus=virtio >second
            wait $pids; cat first second; cmp a to-b && cmp b to-a && echo same
            """,
            TimeSpan.FromMinutes(30));
        Assert.Equal(["hv_netvsc", "virtio_net", "same"], result.EnsureSuccess().Output.Trim().Split('\n'));
    }
}
