using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Dynamic memory with Debian's kernels, whose hv_balloon nobody here wrote.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class DynamicMemoryTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    [Theory]
    [FullData("6.1")]
    [InlineData("6.12")]
    public async Task Guest_gives_memory_back_to_the_host_has_it_again_grows_and_starts_again_with_what_it_had(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + $"kernel={kernel} memory=512M,max=1G again=; script='" + MonitoredGuest.Words +
            """
            total() { sed -n "s/^MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo; }
            changed() { until [ $(($(total) - start)) = $1 ]; do sleep 0.1; done; }
            fill() { dd if=/dev/zero of=/fill bs=1M count=$1 2>/dev/null; rm /fill; }
            until dmesg | grep -q "Using Dynamic Memory protocol version 2.0"; do sleep 0.1; done
            echo online >/sys/devices/system/memory/auto_online_blocks; start=$(total)
            echo 0 >/sys/module/hv_balloon/parameters/pressure_report_delay
            fill 300; sleep 2; tell ready
            changed -196608; tell smaller
            changed 0; fill 300; tell whole
            changed 262144; fill 550; tell larger by $(dmesg | grep -c "Hotplug\|hot-add")
            dmesg -r | grep "^<[0-4]>" | grep -vE "hrtimer: interrupt took|amd_pstate:" | while read -r l; do echo "mark $l"; done; tell done
            sleep 100000
            '
            resident() { sed -n 's/^RssShmem:\s*\([0-9]*\) kB/\1/p' /proc/$worker/status; }
            start_guest --control "$work/control"; export VMBUS_CONTROL=$work/control
            wait_for 'mark ready'; before=$(resident)
            monitor memory 'driver    version 2.0, gives memory back and uses what is added'
            tr -d '\r' <"$work/seen" | grep -cE '^(available|committed) [0-9]+K'
            monitor 'memory set 320M' 'the guest has 320M of memory'; seen 'mark smaller'
            echo "returned $(((before - $(resident)) / 1024 > 150))"
            status=0; "$VMBUS" memory set 64M 2>"$work/error" || status=$?; echo "status $status: $(sed 's/has [0-9]* MiB/has N MiB/' "$work/error")"
            "$VMBUS" memory set 512M; wait_for 'mark whole'
            "$VMBUS" memory set 800M; wait_for 'mark larger'
            "$VMBUS" memory show | head -n 5
            status=0; "$VMBUS" memory set 2G 2>"$work/error" || status=$?; echo "status $status: $(cat "$work/error")"
            wait_for 'mark done'
            monitor 'reboot force' 'the guest starts again'; wait_for 'mark ready'
            "$VMBUS" memory show | head -n 5
            kill -TERM $worker; ended
            """,
            Limit);
        string[] lines = [.. result.EnsureSuccess().Output.Trim().Split('\n').Where(static line => !line.StartsWith("mark larger", StringComparison.Ordinal))];
        Assert.Equal(
            [
                "2", "returned 1", "status 1: vmbus: Dynamic memory: the guest needs the rest itself; it has N MiB.",
                "the guest has 512M of memory", "the guest has 768M of memory",
                "assigned  768M", "start     512M", "maximum   1G", "ballooned 0", "added     256M",
                "status 1: vmbus: Dynamic memory: the guest cannot have 2048 MiB: choose 1 MiB to 1024 MiB, the most that it was started with.",
                "assigned  512M", "start     512M", "maximum   1G", "ballooned 0", "added     0",
                "mark ready", "mark smaller", "mark whole", "mark done", "mark ready", "status 0",
            ],
            lines);
    }
}
