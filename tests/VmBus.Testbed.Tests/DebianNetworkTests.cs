using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>What an unmodified Debian's own tools find of the network adapter, and change.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class DebianNetworkTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    // What is copied with each mix of offloads, each way: as much as one likes in a run of one's own.
    private static readonly int CopyMebibytes =
        int.Parse(Environment.GetEnvironmentVariable("VMBUS_TEST_COPY_MIB") ?? "8", System.Globalization.CultureInfo.InvariantCulture);

    // The parent gives the file `down` on port 5002 to whoever asks, and adds the sum of what it gets on port 5001 to `sums`. The guest has `up` as a disk.
    private const string Parent =
        """
        set -eu
        modprobe tun
        work=$(mktemp -d "$VMBUS_SCRATCH/net.XXXXXX"); servers=()
        trap 'kill "${servers[@]}" 2>/dev/null || true; ip link delete tap0 2>/dev/null || true; rm -rf "$work"' EXIT
        ip tuntap add tap0 mode tap multi_queue; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up
        for way in up down; do dd if=/dev/urandom of="$work/$way" bs=1M count=${MIB:-1} status=none; done
        printf '#!/bin/sh\nexec cat "%s"\n' "$work/down" >"$work/give"
        printf '#!/bin/sh\nmd5sum >>"%s"\n' "$work/sums" >"$work/take"
        chmod +x "$work/give" "$work/take"
        busybox nc -ll -p 5002 -e "$work/give" & servers+=("$!")
        busybox nc -ll -p 5001 -e "$work/take" & servers+=("$!")
        cp --sparse=always "$VMBUS_SCRATCH/root.img" "$work/root.img"
        guest() { tests/testbed/guest-run --kernel "$1" --cpus 2 --append quiet --root "$work/root.img" --disk "$work/up,readonly" --nic tap=tap0 debian "$2"; }
        up='set -eu
            until [ -d /sys/class/net/eth0 ]; do sleep 0.1; done; ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up
            reach() { for try in $(seq 60); do ping -q -c 1 -W 1 10.9.0.1 >/dev/null && return; done; echo "not reached $*"; exit 1; }
            # Coalesced frames carry no segment size in this driver, and TCP warns of that.
            complaints() { dmesg --level emerg,alert,crit,err,warn --notime | grep -E "hv_|netvsc|eth0|vmbus" | grep -v "eth0: Driver has suspect GRO" || true; }
            reach at the start
            '

        """;

    [FullTheory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task Ethtool_shows_the_adapter_and_changes_channels_rings_and_hashing(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            Parent + $"kernel={kernel}\n" + """
            guest $kernel "$up"'
                ethtool -i eth0 | sed -n "s/^driver: //p"
                ethtool eth0 | sed -n "s/^\t\(Speed\|Duplex\|Link detected\): //p"
                ethtool -k eth0 | grep -E "^\s*(rx-checksumming|tx-checksum-ipv[46]|scatter-gather|tx-tcp6?-segmentation|large-receive-offload|receive-hashing|.x-vlan-offload): on" | wc -l
                ethtool -l eth0 | sed -n "s/^Combined:\t*//p"
                ethtool -L eth0 combined 1; reach with one channel; ethtool -l eth0 | sed -n "s/^Combined:\t*//p" | tail -n 1
                ethtool -L eth0 combined 2; reach with two channels
                ethtool -x eth0 | grep -c "^ *[0-9]*: "
                ethtool -X eth0 equal 1; reach with one channel hashed to; ethtool -x eth0 | grep -E "^ *[0-9]+: " | grep -c 1$ || true
                ethtool -X eth0 equal 2; reach with two channels hashed to
                key=$(for i in $(seq 40); do printf ":%02x" $i; done); ethtool -X eth0 hkey ${key#:}; reach with another key
                ethtool -x eth0 | grep -c "${key#:}"
                ethtool -G eth0 rx 512 tx 100; reach with other buffers; ethtool -g eth0 | sed -n "/^Current/,\$ s/^\(RX\|TX\):\t*//p"
                for i in $(seq 50); do ip link set eth0 down; ip link set eth0 up; done; reach after fifty times down and up
                ethtool -S eth0 | grep -cE "^ *(tx|rx)_queue_[01]_packets: "
                ethtool -S eth0 | grep -E "^ *(tx_no_memory|tx_no_space|tx_too_big|rx_no_memory|vlan_error): " | grep -v " 0$" || true
                complaints' >"$work/said"
            cat "$work/said"
            """,
            Limit);

        Assert.Equal(
            "hv_netvsc\n10000Mb/s\nFull\nyes\n10\n2\n2\n1\n16\n0\n1\n512\n100\n4\n",
            result.EnsureSuccess().Output);
    }

    [FullTheory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task Every_byte_is_right_with_every_mix_of_offloads(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            $"MIB={CopyMebibytes}\n" + Parent + $"kernel={kernel}\n" + """
            guest $kernel "$up"'
                file=/dev/$(ls /sys/bus/scsi/devices/*:0:0:1/block)
                for features in "lro off" "lro on tx on tso on rx on" "tx on tso off rx on" "tx off tso off rx on" "tx on tso on rx off" "tx off tso off rx off gro off sg off" \
                    "tx on tso on rx on gro on sg on lro on"; do
                    ethtool -K eth0 $features >/dev/null 2>&1 || echo "refused: $features"
                    reach with $features
                    md5sum </dev/tcp/10.9.0.1/5002
                    cat $file >/dev/tcp/10.9.0.1/5001
                    [ "$features" != "lro off" ] || dmesg --notime | grep "suspect GRO" || true
                done
                complaints' >"$work/said"
            md5sum <"$work/up"; md5sum <"$work/down"
            until (($(wc -l <"$work/sums") == 7)); do sleep 0.1; done
            cat "$work/said" "$work/sums"
            """,
            Limit + TimeSpan.FromSeconds(2 * CopyMebibytes));

        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal(16, lines.Length);
        Assert.Equal(Enumerable.Repeat(lines[1], 7), lines[2..9]);
        Assert.Equal(Enumerable.Repeat(lines[0], 7), lines[9..16]);
    }
}
