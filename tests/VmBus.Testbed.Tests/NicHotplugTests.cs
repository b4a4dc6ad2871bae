using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Network adapters that come and go under a running guest, by commands on the monitor of <c>vmbus run</c>.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class NicHotplugTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    [Fact]
    public async Task Adapter_is_added_pulled_out_under_traffic_and_added_again()
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + "script='" + MonitoredGuest.Words +
            """
            old=$(warnings); tell ready
            reach() { until [ -d /sys/class/net/eth0 ]; do sleep 0.1; done
                cat /sys/class/net/eth0/address; ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up
                until ping -c 1 -W 1 10.9.0.1 >/dev/null; do :; done; tell reached; }
            reach
            (while [ -d /sys/class/net/eth0 ]; do ping -s 1400 -c 20 -A -w 3 10.9.0.1 >/dev/null 2>&1; done; echo >/e1) &
            tell busy
            until [ -e /e1 ]; do sleep 0.1; done; tell pulled
            reach
            tell warnings $(($(warnings) - old))
            '
            modprobe tun
            ip tuntap add tap0 mode tap multi_queue; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up
            trap 'kill -9 $worker 2>/dev/null || true; ip link delete tap0; rm -rf "$work"' EXIT
            start_guest; wait_for 'mark ready'
            before=$(descriptors)
            monitor 'nic list' 'no network adapters'
            monitor 'nic add tap=tap0,mac=52:54:00:00:00:01,id=lan' 'network adapter lan added: '; wait_for '52:54:00:00:00:01'; wait_for 'mark reached'
            monitor 'nic add tap=tap0,id=lan' 'error: '
            wait_for 'mark busy'
            monitor 'nic remove lan' 'network adapter lan removed'; wait_for 'mark pulled'
            echo "descriptors left $(($(descriptors) - before))"
            monitor 'nic add tap=tap0,mac=52:54:00:00:00:02,id=lan' 'network adapter lan added: '; wait_for '52:54:00:00:00:02'; wait_for 'mark reached'
            ended
            """,
            Limit);
        Assert.Equal(
            "descriptors left 0\nmark ready\nmark reached\nmark busy\nmark pulled\nmark reached\nmark warnings 0\nstatus 0\n",
            result.EnsureSuccess().Output);
    }
}
