using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Links that cannot be opened, and one that goes under a running guest.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class LinkTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    [Fact]
    public async Task Guest_loses_its_link_with_a_deleted_tap_and_has_it_back_with_one_of_the_same_name()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            modprobe tun
            work=$(mktemp -d "$VMBUS_SCRATCH/link.XXXXXX"); trap 'ip link delete tap0; rm -rf "$work"' EXIT
            make() { ip tuntap add tap0 mode tap multi_queue; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up; }
            make
            # The guest's state is seen by its console, which is all that is left of it when the TAP is gone.
            : >"$work/console"
            said() { until grep -q "$1" "$work/console"; do sleep 0.1; done; }
            (
                for round in 1 2; do
                    said "reached $round"; ip link delete tap0
                    said "down $round"; make
                done
            ) &
            VMBUS_GUESTS=$MINIMAL tests/testbed/guest-run --cpus 2 --nic tap=tap0 --option --log=info --console "$work/console" minimal '
                until [ -d /sys/class/net/eth0 ]; do sleep 0.1; done; ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up
                carrier() { until [ $(cat /sys/class/net/eth0/carrier) = $1 ]; do sleep 0.1; done; }
                reach() { until ping -c 1 -W 1 10.9.0.1 >/dev/null; do :; done; echo "reached $1"; }
                reach 1
                for round in 1 2; do carrier 0; echo down $round; carrier 1; reach $((round + 1)); done
                dmesg | grep -cE "WARNING:|BUG:|Oops|hung task" || true' 2>"$work/log"
            # A TAP that was made and is still its maker's, or is not up yet, may be seen, or not.
            grep -oE "Network link .*" "$work/log" | grep -vE "interface 'tap0' (is down|cannot be opened)"
            """,
            Limit);
        Assert.Equal(
            "reached 1\ndown 1\nreached 2\ndown 2\nreached 3\n0\n"
            + "Network link 'tap=tap0' is up\n"
            + "Network link 'tap=tap0' is down: interface 'tap0' does not exist\nNetwork link 'tap=tap0' is up\n"
            + "Network link 'tap=tap0' is down: interface 'tap0' does not exist\nNetwork link 'tap=tap0' is up\n",
            result.EnsureSuccess().Output);
    }

    [Fact]
    public async Task Link_that_cannot_be_opened_ends_the_start_with_status_1_and_one_line()
    {
        CommandResult result = await host.RunGuestAsync(
            """
            set -eu
            modprobe tun
            # Where another user may look: the cache is root's own.
            work=$(mktemp -d "$VMBUS_SCRATCH/link.XXXXXX"); trap 'ip link delete own0 2>/dev/null || true; rm -rf "$work"' EXIT
            chmod 755 "$work"; cp "$VMBUS" "$MINIMAL/vmlinuz-6.1" "$MINIMAL/minimal-6.1" "$work"; chmod 666 /dev/kvm /dev/net/tun
            start() {
                local status=0
                "$@" "$work/vmbus" run --kernel "$work/vmlinuz-6.1" --initrd "$work/minimal-6.1" --memory 512M --nic "$nic" \
                    </dev/null >"$work/output" 2>"$work/errors" || status=$?
                echo "$nic: status $status, $(wc -l <"$work/output") lines of output, $(wc -l <"$work/errors") of errors"; cat "$work/errors"
            }
            nic=bridge=br9 start env
            nic=tap=lo start env
            nic=tap=new0 start setpriv --reuid 65534 --regid 65534 --clear-groups
            ip tuntap add own0 mode tap user 1
            nic=tap=own0 start setpriv --reuid 65534 --regid 65534 --clear-groups
            """,
            Limit);
        string[] lines = result.EnsureSuccess().Output.Trim().Split('\n');
        Assert.Equal(8, lines.Length);
        Assert.Equal(
            ["bridge=br9", "tap=lo", "tap=new0", "tap=own0"],
            lines.Where((_, index) => index % 2 == 0).Select(line => line.Replace(": status 1, 0 lines of output, 1 of errors", "", StringComparison.Ordinal)));
        Assert.Contains("Bridge 'br9' does not exist", lines[1], StringComparison.Ordinal);
        Assert.Contains("'lo' is no TAP interface", lines[3], StringComparison.Ordinal);
        Assert.Contains("making a TAP needs root", lines[5], StringComparison.Ordinal);
        Assert.Contains("TAP 'own0' belongs to another user", lines[7], StringComparison.Ordinal);
    }
}
