using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>What a host offers only with a newer kernel than Debian 12's: 6.12 here.</summary>
[Collection(TestbedCollection.Name)]
public sealed class NewerHostTests(NewerHostFixture host) : IClassFixture<NewerHostFixture>
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    [FullTheory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public async Task Guest_reports_its_free_pages_and_the_host_has_them_again(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + $"kernel={kernel} memory=768M; script='" + MonitoredGuest.Words +
            """
            until dmesg | grep -q "Using Dynamic Memory protocol"; do sleep 0.1; done
            mount -o remount,size=90% / 2>/dev/null; dd if=/dev/urandom of=/fill bs=1M count=400 2>/dev/null; tell full $(wc -c </fill); rm /fill; tell free
            dmesg -r | grep "^<[0-4]>" | grep -vE "hrtimer: interrupt took|amd_pstate:" | while read -r l; do echo "mark $l"; done
            dmesg | grep -o "Cold memory discard hint enabled" | while read -r l; do echo "mark $l"; done
            read -r go </dev/console; dd if=/dev/urandom of=/fill bs=1M count=400 2>/dev/null; tell again; sleep 100000
            '
            resident() { sed -n 's/^RssShmem:\s*\([0-9]*\) kB/\1/p' /proc/$worker/status; }
            start_guest; wait_for 'mark full'; before=$(resident); wait_for 'mark free'
            echo "held $((before / 1024 > 400))"
            until (($(resident) < before - 300 * 1024)); do sleep 0.1; done; echo 'given back'; printf '\r' >&$keys
            wait_for 'mark again'; echo "held $(($(resident) / 1024 > 400))"
            kill -TERM $worker; ended
            """,
            Limit);
        Assert.Equal(
            ["held 1", "given back", "held 1", "mark full 419430400", "mark free", "mark Cold memory discard hint enabled", "mark again", "status 0"],
            result.EnsureSuccess().Output.Trim().Split('\n'));
    }
}

/// <summary>A host with Debian's 6.12.</summary>
public sealed class NewerHostFixture() : GuestFixture("--kernel", "6.12", "--memory", "3G");
