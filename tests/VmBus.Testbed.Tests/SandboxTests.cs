using VmBus.TestKit.Testbed;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>What the process of a partition has given up while its guest runs, and what it can still do.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class SandboxTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Every_thread_is_filtered_raw_disks_come_and_go_and_what_needs_a_program_is_refused_with_the_cure()
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + "script='" + MonitoredGuest.Words +
            """
            tell ready; node /dev/sda; tell raw; gone /dev/sda; tell gone; read word </dev/console; reboot -f
            '
            # A thread that ends meanwhile has no file any more.
            all() { ! grep -Lx "$1" /proc/$worker/task/*/status 2>/dev/null | grep -q . && echo "all threads: $2"; }
            truncate -s 32M "$work/raw"; qemu-img create -q -f qcow2 "$work/image.qcow2" 32M
            again=' ' start_guest; wait_for 'mark ready'
            all 'Seccomp:.2' filtered; all 'NoNewPrivs:.1' 'no new privileges'
            monitor "disk add $work/raw,id=raw" 'disk raw added'; wait_for 'mark raw'
            monitor "disk add $work/image.qcow2" 'error: Disk'; tail -n 1 "$work/seen" | tr -d '\r' | grep -o 'error: Disk.*' | sed "s|$work|WORK|"
            monitor "nic add user" 'error: Network'; tail -n 1 "$work/seen" | grep -o 'start it with --sandbox spawn'
            monitor 'disk remove raw' 'disk raw removed'; wait_for 'mark gone'
            # Another machine is made under the filter.
            printf 'typed\r' >&$keys; wait_for 'mark ready'
            all 'Seccomp:.2' 'filtered after the reset'
            printf '\001x' >&$keys; ended
            """,
            Limit);
        Assert.Equal(
            """
            all threads: filtered
            all threads: no new privileges
            error: Disk 'WORK/image.qcow2' cannot be opened: Starting qemu-nbd failed, as this partition starts no programs once it runs (start it with --sandbox spawn, or by the service, which starts them for it): Operation not permitted.
            start it with --sandbox spawn
            all threads: filtered after the reset
            mark ready
            mark raw
            mark gone
            mark ready
            status 130

            """,
            result.EnsureSuccess().Output);
    }

    [Fact]
    public async Task Partition_with_a_program_at_its_start_is_filtered_too_and_starts_others()
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + "script='" + MonitoredGuest.Words +
            """
            node /dev/sda; tell ready; node /dev/sdb; tell second; exit 0
            '
            qemu-img create -q -f qcow2 "$work/image.qcow2" 32M; qemu-img create -q -f vhdx "$work/more.vhdx" 32M
            start_guest --disk "$work/image.qcow2"; wait_for 'mark ready'
            grep -c 'Seccomp:.2' /proc/$worker/status
            monitor "disk add $work/more.vhdx,id=more" 'disk more added'; wait_for 'mark second'
            ended
            """,
            Limit);
        Assert.Equal("1\nmark ready\nmark second\nstatus 0\n", result.EnsureSuccess().Output);
    }
}
