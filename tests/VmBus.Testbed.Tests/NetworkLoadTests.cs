using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>An unmodified Debian reconfigures its adapter while iperf3 sends and receives: whatever closes and opens the channels, frames go on.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class NetworkLoadTests(LinkedGuestFixture host)
{
    private const int Flips = 50;
    private const int Changes = 4;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    // `flows` ends when 256 KiB more have gone each way: a connection that stalls is seen by the test's time limit.
    private const string Start =
        """
        set -eu
        modprobe tun
        work=$(mktemp -d "$VMBUS_SCRATCH/load.XXXXXX")
        trap 'kill $server 2>/dev/null || true; ip link delete tap0; rm -rf "$work"' EXIT
        ip tuntap add tap0 mode tap multi_queue; ip link set tap0 mtu 9000; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up
        iperf3 -s -B 10.9.0.1 >"$work/server" & server=$!
        cp --sparse=always "$VMBUS_SCRATCH/root.img" "$work/root.img"
        guest() { tests/testbed/guest-run --kernel "$1" --cpus 2 --append quiet --root "$work/root.img" --nic tap=tap0 debian "$2"; }
        load='set -eu
            until [ -d /sys/class/net/eth0 ]; do sleep 0.1; done; ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up
            until ping -q -c 1 -W 1 10.9.0.1 >/dev/null; do :; done
            moved() { cat /sys/class/net/eth0/statistics/$1_bytes; }
            flows() { local way before; for way in tx rx; do before=$(moved $way); until (($(moved $way) - before > 262144)); do sleep 0.05; done; done; }
            iperf3 -c 10.9.0.1 --bidir -P 2 -t 3600 >/run/client 2>&1 & client=$!
            finish() { kill -0 $client || cat /run/client; kill $client; dmesg --level emerg,alert,crit,err,warn --notime |
                grep -E "hv_|netvsc|vmbus|WARNING|BUG|hung" || true; }
            flows
            '

        """;

    // One guest for all: most of the time is what it takes to boot.
    [FullTheory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task Interface_goes_down_and_up_again_and_again_and_channels_rings_and_mtu_change(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            Start + $"kernel={kernel}\n" + $$"""
            guest $kernel "$load"'
                for round in $(seq {{Flips}}); do ip link set eth0 down; ip link set eth0 up; flows; done; echo $round
                for round in $(seq {{Changes}}); do
                    for channels in 1 2; do ethtool -L eth0 combined $channels; flows; done
                    for mtu in 9000 1400 1500; do ip link set eth0 mtu $mtu; flows; done
                    ethtool -G eth0 rx $((240 * round)) tx 100; flows
                done
                ethtool -l eth0 | sed -n "s/^Combined:\t*//p" | tail -n 1; cat /sys/class/net/eth0/mtu
                finish'
            """,
            Limit);
        Assert.Equal($"{Flips}\n2\n1500\n", result.EnsureSuccess().Output);
    }
}
