using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Which frames of a bridge reach a guest, and which do not.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class NetworkIsolationTests(LinkedGuestFixture host)
{
    private const int Frames = 200;
    private const int FrameBytes = 1400;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    [Fact]
    public async Task Guest_gets_none_of_its_neighbours_frames_and_of_flooded_ones_those_that_its_filter_takes()
    {
        // What the guest counts is what its driver was given. Between two looks there are a few short frames of the parent's answer itself.
        CommandResult result = await host.RunGuestAsync(
            $$"""
            set -eu
            modprobe bridge; modprobe tun
            work=$(mktemp -d "$VMBUS_SCRATCH/isolation.XXXXXX"); children=()
            trap 'kill "${children[@]}" 2>/dev/null || true; ip link delete br0; rm -rf "$work"' EXIT
            # With an address of its own: one that it took from a port would change, and the neighbours be forgotten.
            ip link add br0 address 52:54:00:00:00:01 type bridge mcast_snooping 0; echo 1 >/proc/sys/net/ipv6/conf/br0/disable_ipv6; ip addr add 10.9.1.1/24 dev br0; ip link set br0 up
            ip neigh add 10.9.1.10 lladdr 52:54:00:00:00:0a dev br0 nud permanent
            ip neigh add 10.9.1.99 lladdr 52:54:00:00:00:99 dev br0 nud permanent
            ip neigh add 10.9.1.98 lladdr 01:00:5e:00:00:98 dev br0 nud permanent
            send() { printf '#!/bin/sh\nbusybox ping -q -i 0.002 -W 1 -c {{Frames}} -s {{FrameBytes}} %s >/dev/null; true\n' "$2" >"$work/$1"; chmod +x "$work/$1"
                busybox nc -ll -p "$3" -e "$work/$1" </dev/null & children+=("$!"); }
            send neighbour 10.9.1.10 7001; send nobody 10.9.1.99 7002; send group 10.9.1.98 7003
            guest() { VMBUS_GUESTS=$MINIMAL tests/testbed/guest-run --console "$work/console" --nic "bridge=br0,mac=52:54:00:00:00:$1" minimal "until [ -d /sys/class/net/eth0 ]; do sleep 0.1; done
                echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6; ip addr add 10.9.1.$2/24 dev eth0; ip link set eth0 up
                until ping -c 1 -W 1 10.9.1.1 >/dev/null; do :; done
                $3"; }
            guest 0a 10 'nc -l -p 7000 </dev/null' >/dev/null & neighbour=$!
            until busybox ping -q -c 1 -W 1 10.9.1.10 >/dev/null; do :; done
            guest 0b 11 '
                mkfifo /silent; exec 3<>/silent
                received() { cat /sys/class/net/eth0/statistics/rx_bytes; }
                count() { before=$(received); nc 10.9.1.1 $2 <&3; sleep 1; echo "$1 $((($(received) - before) / {{FrameBytes}}))"; }
                count neighbour 7001; count nobody 7002
                ifconfig eth0 allmulti; count group 7003
                ip link set eth0 promisc on
                count neighbour 7001; count nobody 7002
                ip link set eth0 promisc off
                count nobody 7002'
            busybox nc 10.9.1.10 7000 </dev/null || true
            wait $neighbour
            """,
            Limit);
        string[] counts = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal(
            ["neighbour 0", "nobody 0", "group", "neighbour 0", "nobody", "nobody 0"],
            counts.Select(line => line.EndsWith(" 0", StringComparison.Ordinal) ? line : line.Split(' ')[0]));
        foreach (string line in new[] { counts[2], counts[4] }) Assert.InRange(int.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture), Frames, Frames + 20);
    }
}
