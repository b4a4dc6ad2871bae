using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Virtio devices in a partition, beside those of the VMBus: unmodified Debian finds both with its own drivers.</summary>
[Collection(TestbedCollection.Name)]
public sealed class VirtioTests(GuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    [Theory]
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
                until "$VMBUS" memory set 800M; do sleep 0.5; done
                "$VMBUS" memory show; exec socat "UNIX-LISTEN:$work/vsock_5002,fork" "EXEC:echo done"
            } >"$work/memory" 2>/dev/null & servers+=("$!")
            tests/testbed/guest-run --kernel {{kernel}} --cpus 2 --root "$work/root" --option "--vsock=$work/vsock,bus=virtio,cid=42" \
                --option "--virtio-console=file:$work/hvc" --option --balloon --option "--control=$work/control" \
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
                until [ -c /dev/hvc0 ]; do sleep 0.2; done; stty raw </dev/hvc0; echo "to the console" >/dev/hvc0
                until socat -u VSOCK-CONNECT:2:5002 - 2>/dev/null | grep -q done; do sleep 0.2; done
                [ $(sed -n "s/^MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo) -lt 820000 ]
                grep -c "edge *virtio" /proc/interrupts
                echo "warnings:"; dmesg --level=emerg,alert,crit,err,warn | grep -iE "virtio|vd[ab]|LNRO|irq|eth" || true' >"$work/said"
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
        Assert.Contains($"clean\nrefused\n{beside[1]}\n5\n", output, StringComparison.Ordinal);
        Assert.EndsWith("warnings:\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Virtio_and_synthetic_adapters_share_a_bridge()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            modprobe tun; modprobe bridge; ip link add vbr type bridge; ip addr add 10.9.0.1/24 dev vbr; ip link set vbr up; trap 'ip link del vbr' EXIT
            work=$(mktemp -d "$VMBUS_SCRATCH/virtio.XXXXXX"); cp "$VMBUS_SCRATCH/root.img" "$work/root"
            head -c 32M /dev/urandom >"$work/file"; sha256sum <"$work/file"
            (cd "$work"; exec timeout 400 python3 -m http.server --bind 10.9.0.1 8080 >/dev/null 2>&1) & server=$!
            tests/testbed/guest-run --cpus 2 --root "$work/root" --nic bridge=vbr,bus=virtio,mac=52:54:00:00:00:07 --nic bridge=vbr debian '
                set -eu
                until [ -e /sys/class/net/eth1 ]; do sleep 0.2; done
                for n in eth0 eth1; do basename "$(readlink /sys/class/net/$n/device/driver)"; done | sort
                v=$(grep -l 52:54:00:00:00:07 /sys/class/net/eth*/address | cut -d/ -f5)
                ip addr add 10.9.0.2/24 dev $v; ip link set $v up
                until ping -c 1 -W 1 10.9.0.1 >/dev/null 2>&1; do :; done
                exec 3<>/dev/tcp/10.9.0.1/8080; printf "GET /file HTTP/1.0\r\n\r\n" >&3; sed "1,/^\r$/d" <&3 | sha256sum
                echo "warnings:"; dmesg --level=emerg,alert,crit,err,warn | grep -iE "virtio|vd[ab]|LNRO|irq|eth" || true'
            kill $server
            """,
            Limit);

        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal(["hv_netvsc", "virtio_net"], lines[1..3]);
        Assert.Equal(lines[0], lines[3]);
        Assert.Equal("warnings:", lines[^1]);
    }
}
