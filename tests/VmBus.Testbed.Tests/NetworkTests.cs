using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>A real guest's network driver on a TAP of the parent.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class NetworkTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    // The worker makes the TAP; the parent's address follows as soon as it is there.
    private const string Parent =
        """
        set -eu
        modprobe tun
        ip link delete tap0 2>/dev/null || true
        give_address() { until ip link show "$1" >/dev/null 2>&1; do sleep 0.1; done; ip addr add "$2" dev "$1"; }
        work=$(mktemp -d "$VMBUS_SCRATCH/net.XXXXXX"); trap 'rm -rf "$work"' EXIT
        guest() { VMBUS_GUESTS=$MINIMAL tests/testbed/guest-run --kernel "${kernel:-6.1}" --cpus 2 --console "${console:-/dev/stderr}" --nic "${nic:-tap=tap0}" minimal "$1"; }
        up='until [ -d /sys/class/net/eth0 ]; do sleep 0.1; done; ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up
            until ping -c 1 -W 1 10.9.0.1 >/dev/null; do :; done
            '

        """;

    [Theory]
    [FullData("6.1")]
    [InlineData("6.12")]
    public async Task Guest_reaches_the_parent_and_copies_both_ways_without_a_wrong_byte(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            Parent + Silent + $"kernel={kernel}\n" + """
            give_address tap0 10.9.0.1/24 &
            dd if=/dev/urandom of="$work/down" bs=1M count=8 status=none
            mkfifo "$work/silent"; exec 3<>"$work/silent"
            busybox nc -l -p 5001 <&3 >"$work/up" &
            busybox nc -l -p 5002 <"$work/down" >/dev/null &
            guest "$up$silent"'
                dd if=/dev/urandom of=/up bs=1M count=8 2>/dev/null
                nc 10.9.0.1 5002 <&3 >/down
                nc 10.9.0.1 5001 </up
                sha256sum </down; sha256sum </up
                cat /sys/class/net/eth0/speed; ls /sys/class/net/eth0/queues | wc -l
                dmesg | grep -E "hv_netvsc|eth0" | grep -iE "error|fail|invalid|unable" || true' >"$work/said"
            sha256sum <"$work/down"; sha256sum <"$work/up"; cat "$work/said"
            """,
            Limit);

        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal(6, lines.Length);
        Assert.Equal((lines[0], lines[1]), (lines[2], lines[3]));
        Assert.Equal(("10000", "4"), (lines[4], lines[5]));
    }

    [Fact]
    public async Task Guest_changes_mtu_and_closes_its_interface_again_and_again()
    {
        CommandResult result = await host.RunGuestAsync(
            Parent + """
            ip tuntap add tap0 mode tap multi_queue; ip link set tap0 mtu 9000; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up
            guest "$up"'
                i=0; while [ $i -lt 10 ]; do ip link set eth0 down; ip link set eth0 up; i=$((i+1)); done
                for mtu in 9000 1400 1500 9000; do ip link set eth0 mtu $mtu || echo "mtu $mtu refused"; done
                until ping -c 1 -W 1 10.9.0.1 >/dev/null; do :; done
                ping -c 2 -s 8900 10.9.0.1 | grep "packet loss"
                cat /sys/class/net/eth0/mtu'
            ip link delete tap0
            """,
            Limit);
        Assert.Equal("2 packets transmitted, 2 packets received, 0% packet loss\n9000\n", result.EnsureSuccess().Output);
    }

    [Fact]
    public async Task Guest_sees_the_link_go_down_and_come_back()
    {
        CommandResult result = await host.RunGuestAsync(
            Parent + """
            ip tuntap add tap0 mode tap multi_queue; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up
            console=$work/console; touch "$console"
            (
                until grep -q ^reached "$console"; do sleep 0.1; done
                ip link set tap0 down; until grep -q ^down "$console"; do sleep 0.1; done; ip link set tap0 up
            ) &
            guest "$up"'
                echo reached
                until [ $(cat /sys/class/net/eth0/carrier) = 0 ]; do sleep 0.1; done; echo down
                until [ $(cat /sys/class/net/eth0/carrier) = 1 ]; do sleep 0.1; done; echo up
                until ping -c 1 -W 1 10.9.0.1 >/dev/null; do :; done; echo reached again'
            ip link delete tap0
            """,
            Limit);
        Assert.Equal("reached\ndown\nup\nreached again\n", result.EnsureSuccess().Output);
    }

    // Busybox's nc ends its sending side with its input and ends altogether with what it receives: a receiver that is to hear
    // everything, and to close without a reset, needs an input that says nothing and stays open.
    private const string Silent =
        """
        silent='mkfifo /silent; exec 3<>/silent
            '

        """;

    // Busybox's client runs this for each change of its lease.
    private const string Lease =
        """
        lease='until [ -d /sys/class/net/eth0 ]; do sleep 0.1; done; ip link set eth0 up
            printf "#!/bin/sh\n[ \$1 != bound ] || { ip addr add \$ip/24 dev eth0; ip route add default via \$router; }\n" >/lease; chmod +x /lease
            until udhcpc -i eth0 -q -n -s /lease >/dev/null 2>&1; do :; done
            '

        """;

    [Fact]
    public async Task Three_guests_on_a_bridge_one_of_them_by_virtio_get_their_leases_and_copy_from_one_to_the_others()
    {
        CommandResult result = await host.RunGuestAsync(
            Parent + Silent + Lease + """
            modprobe bridge; ip link add br0 type bridge; ip addr add 10.9.1.1/24 dev br0; ip link set br0 up
            printf '%s\n' 'interface br0' "lease_file $work/leases" "pidfile $work/pid" 'start 10.9.1.20' 'end 10.9.1.29' 'option subnet 255.255.255.0' \
                'option router 10.9.1.1' 'static_lease 52:54:00:00:00:0a 10.9.1.10' 'static_lease 52:54:00:00:00:0b 10.9.1.11' \
                'static_lease 52:54:00:00:00:0c 10.9.1.12' >"$work/dhcp"
            touch "$work/leases"; busybox udhcpd -f "$work/dhcp" >/dev/null 2>&1 & server=$!
            nic=bridge=br0,mac=52:54:00:00:00:0a guest "$lease"'
                dd if=/dev/urandom of=/up bs=1M count=8 2>/dev/null; sha256sum </up
                nc -l -p 7011 </up >/dev/null & nc -l -p 7012 </up >/dev/null; wait' >"$work/first" & first=$!
            copy='
                address=$(ip -4 -o addr show eth0 | grep -o "10\.9\.1\.[0-9]*"); basename $(readlink /sys/class/net/eth0/device/driver); echo $address
                until ping -c 1 -W 1 10.9.1.10 >/dev/null; do :; done
                until [ "$(stat -c %s /got 2>/dev/null)" = 8388608 ]; do
                    nc 10.9.1.10 70${address##*.} <&3 >/got 2>/dev/null || sleep 0.2
                done
                sha256sum </got'
            nic=bridge=br0,mac=52:54:00:00:00:0b guest "$lease$silent$copy" >"$work/second" & second=$!
            nic=bridge=br0,bus=virtio,mac=52:54:00:00:00:0c guest "$lease$silent$copy" >"$work/third"
            wait $second
            wait $first || true
            kill $server; ip link delete br0
            cat "$work/first" "$work/second" "$work/third"
            """,
            Limit);
        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal([lines[0], "hv_netvsc", "10.9.1.11", lines[0], "virtio_net", "10.9.1.12", lines[0]], lines);
    }

    [Fact]
    public async Task Guest_on_an_open_vswitch_bridge_gets_its_lease_and_copies_both_ways()
    {
        CommandResult result = await host.RunGuestAsync(
            Parent + Silent + Lease + """
            modprobe openvswitch
            switch=$(mktemp -d /run/switch.XXXXXX); export OVS_RUNDIR=$switch OVS_LOGDIR=$switch OVS_DBDIR=$switch; servers=()
            # Its interface has an address and outlives the switch that made it, in the way of every later test.
            trap 'ovs-vsctl --timeout=60 --if-exists del-br ovs0 || true; kill "${servers[@]}" 2>/dev/null || true; wait; ip link delete ovs-system 2>/dev/null || true; rm -rf "$work" "$switch"' EXIT
            ovsdb-tool create "$switch/conf.db" /usr/share/openvswitch/vswitch.ovsschema
            ovsdb-server "$switch/conf.db" --remote="punix:$switch/db.sock" --verbose=warn & servers+=("$!")
            until [ -S "$switch/db.sock" ]; do sleep 0.1; done
            ovs-vswitchd --verbose=warn "unix:$switch/db.sock" & servers+=("$!")
            ovs-vsctl --timeout=60 add-br ovs0; ip addr add 10.9.1.1/24 dev ovs0; ip link set ovs0 up
            printf '%s\n' 'interface ovs0' "lease_file $work/leases" "pidfile $work/pid" 'start 10.9.1.20' 'end 10.9.1.20' 'option subnet 255.255.255.0' \
                'option router 10.9.1.1' >"$work/dhcp"
            touch "$work/leases"; busybox udhcpd -f "$work/dhcp" >/dev/null 2>&1 & servers+=("$!")
            dd if=/dev/urandom of="$work/down" bs=1M count=8 status=none
            mkfifo "$work/silent"; exec 3<>"$work/silent"
            busybox nc -l -p 5001 <&3 >"$work/up" & servers+=("$!")
            busybox nc -l -p 5002 <"$work/down" >/dev/null & servers+=("$!")
            (until ovs-vsctl list-ports ovs0 | grep vmbus; do sleep 0.1; done) >"$work/port" & servers+=("$!")
            nic=bridge=ovs0 guest "$lease$silent"'
                ip -4 -o addr show eth0 | grep -o "10\.9\.1\.[0-9]*/"
                until ping -c 1 -W 1 10.9.1.1 >/dev/null; do :; done
                dd if=/dev/urandom of=/up bs=1M count=8 2>/dev/null
                nc 10.9.1.1 5002 <&3 >/down
                nc 10.9.1.1 5001 </up
                sha256sum </down; sha256sum </up' >"$work/said"
            sha256sum <"$work/down"; sha256sum <"$work/up"; cat "$work/said" "$work/port"; ovs-vsctl list-ports ovs0
            """,
            Limit);
        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal(6, lines.Length);
        Assert.Equal("10.9.1.20/", lines[2]);
        Assert.Equal((lines[0], lines[1]), (lines[3], lines[4]));
        // It was there while the guest was, and no port is left.
        Assert.Equal("vmbus0", lines[5]);
    }

    [Fact]
    public async Task Guest_on_the_user_link_gets_a_lease_and_reaches_the_hosts_loopback_through_its_gateway()
    {
        CommandResult result = await host.RunGuestAsync(
            Parent + Silent + Lease + """
            ip link add up0 type dummy; ip addr add 192.0.2.10/24 dev up0; ip link set up0 up; ip route add default via 192.0.2.1
            trap 'ip link delete up0; rm -rf "$work"' EXIT
            dd if=/dev/urandom of="$work/down" bs=1M count=8 status=none
            busybox nc -l -p 5002 <"$work/down" >/dev/null &
            nic=user guest "$lease$silent"'
                ip -4 -o addr show eth0 | grep -o "192\.0\.2\.[0-9]*/"
                nc 192.0.2.1 5002 <&3 >/down
                sha256sum </down'
            sha256sum <"$work/down"
            """,
            Limit);
        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Equal("192.0.2.10/", lines[0]);
        Assert.Equal(lines[1], lines[2]);
    }
}
